import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE_MS } from '../../support/until.ts';
import {
  becomeHost,
  eventually,
  NetworkFixture,
  port,
  type Station,
  sh,
  TABLE,
  whyNot,
} from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const DAMAGES = {
  'the whole rule set': 'nft flush ruleset',
  'our table': `nft delete table inet ${TABLE}`,
  'the rules of our table': `nft flush table inet ${TABLE}`,
  'one map of our table': `nft flush map inet ${TABLE} publish4_any`,
};

for (const [what, command] of Object.entries(DAMAGES)) {
  test(`flushing ${what} is undone by itself`, { skip }, async t => {
    await using fixture = await NetworkFixture.open();
    const lan = fixture.neighbour('10.77.3');
    const web = await fixture.run('web', { ports: [port(80, 8080)] });
    await web.station.serve('web', 80);
    assert.equal(await lan.ask('10.77.3.1', 8080), 'web 10.77.3.2');
    const before = sh(`nft list table inet ${TABLE}`);

    sh(command);
    assert.notEqual(sh('nft list ruleset'), before);
    const ms = await eventually(() => sh('nft list ruleset') === before, 'the rules are as they were');
    t.diagnostic(`back after ${ms.toFixed(0)} ms`);
    assert.equal(await lan.ask('10.77.3.1', 8080), 'web 10.77.3.2');
    assert.ok(fixture.logs.some(line => line.level === 'warn' && line.fields['program'] === 'nft'));
  });
}

test('our own changes and those of others to their tables are not taken for damage', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  sh('nft add table inet other; nft add set inet other s { type ipv4_addr\\; }');
  for (let round = 0; round < 3; round += 1) {
    const web = await fixture.run(`web${round}`, { ports: [port(80, 8080)] });
    sh('nft add element inet other s { 10.0.0.1 }; nft delete element inet other s { 10.0.0.1 }');
    await fixture.stop(web);
  }
  sh('nft delete table inet other');
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.deepEqual(
    fixture.logs.filter(line => line.level === 'warn'),
    [],
  );
});

test('a change that meets a missing table brings the whole table back', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const first = await fixture.run('first', { ports: [port(80, 8080)] });
  await first.station.serve('first', 80);
  // Nothing is awaited in between, so the watcher has not seen it yet.
  sh('nft flush ruleset');
  fixture.service.release('nobody');
  const second = await fixture.run('second', { ports: [port(80, 8081)] });
  await second.station.serve('second', 80);
  for (const [number, name] of [
    [8080, 'first'],
    [8081, 'second'],
  ] as const) {
    assert.equal(await ask({ protocol: 'tcp', address: '127.0.0.1', port: number }), `${name} 172.17.0.1`);
  }
  sh('nft flush ruleset');
  fixture.service.release(second.id);
  assert.match(sh(`nft list map inet ${TABLE} publish4_any`), /tcp \. 8080/);
});

test('tables of others stay as they are, from start to end', { skip }, async () => {
  sh(
    'nft add table inet other; nft add chain inet other forward "{ type filter hook forward priority 0; policy accept; }"',
  );
  const before = sh('nft list ruleset');
  {
    await using fixture = await NetworkFixture.open();
    await fixture.run('web', { ports: [port(80, 8080)] });
    assert.equal(sh('nft list table inet other'), before);
  }
  assert.equal(sh('nft list ruleset'), before);
  sh('nft delete table inet other');
});

test('a table of others that drops what is forwarded is reported, whenever it comes', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const warnings = () => fixture.logs.filter(line => line.message.includes('drop what is forwarded'));
  assert.equal(warnings().length, 0);
  sh(
    'nft add table ip filter; nft add chain ip filter FORWARD "{ type filter hook forward priority 0; policy drop; }"',
  );
  await eventually(() => warnings().length === 1, 'the warning');
  assert.equal(warnings()[0]?.fields['chain'], 'ip filter FORWARD');
  sh('nft delete table ip filter');
});

test('rules come back also when the kernel could not tell us all that happened', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  await fixture.run('web', { ports: [port(80, 8080)] });
  const before = sh(`nft list table inet ${TABLE}`);
  const file = join(fixture.folder, 'many.nft');
  const members = Array.from(
    { length: 100_000 },
    (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  );
  writeFileSync(
    file,
    `table inet other { set s { type ipv4_addr; elements = { ${members.join(', ')} }; }; }`,
  );
  // While this runs nobody reads, until the notifications no longer fit.
  for (let round = 0; round < 3; round += 1) sh(`nft -f ${file}; nft flush ruleset`);
  await eventually(() => sh('nft list ruleset') === before, 'the rules are as they were');
  assert.ok(fixture.logs.some(line => line.message === 'lost track of firewall changes'));
  sh('nft flush ruleset');
  await eventually(() => sh('nft list ruleset') === before, 'and we are told of changes again');
});

test('what got out of an internal network meanwhile does not go on', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.4');
  await lan.serve('lan', 7, 'udp');
  await fixture.service.create({ name: 'cell', isInternal: true, pools: [{ subnet: '10.77.5.0/24' }] });
  const cell = await fixture.run('cell', { networks: [{ network: 'cell' }] });
  keepTracking();
  // What the container may not do by itself.
  cell.station.run('ip route add default via 10.77.5.1');
  const arrived = counter(lan, 'udp dport 7');
  const answered = counter(cell.station, 'udp sport 7');
  const ask = (timeoutMs = PATIENCE_MS): Promise<string> =>
    cell.station.ask('10.77.4.2', 7, { protocol: 'udp', from: cell.ip, fromPort: 7_001, timeoutMs });
  await endsWithTheFlush({ ask, arrived, answered, answer: `lan ${cell.ip}` });
  sh('nft delete table inet other');
});

test('what reached a container at its own address meanwhile does not go on', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.4');
  const web = await fixture.run('web');
  await web.station.serve('web', 7, 'udp');
  keepTracking();
  const arrived = counter(web.station, 'udp dport 7');
  const answered = counter(lan, 'udp sport 7');
  const ask = (timeoutMs = PATIENCE_MS): Promise<string> =>
    lan.ask(web.ip, 7, { protocol: 'udp', from: '10.77.4.2', fromPort: 7_001, timeoutMs });
  await endsWithTheFlush({ ask, arrived, answered, answer: 'web 10.77.4.2' });
  sh('nft delete table inet other');
});

/** Rules that keep the kernel tracking connections while ours are away, as a host's own do. */
function keepTracking(): void {
  sh('nft "add table inet other; add chain inet other c { type filter hook input priority 0; }"');
  sh('nft "add rule inet other c ct state established accept"');
}

/** A connection that our rules forbid is none before they are flushed, is made then, and ends when they are back. */
async function endsWithTheFlush({
  ask,
  arrived,
  answered,
  answer,
}: {
  readonly ask: (timeoutMs?: number) => Promise<string>;
  readonly arrived: () => number;
  readonly answered: () => number;
  readonly answer: string;
}): Promise<void> {
  assert.equal(await ask(200), 'timeout');
  assert.equal(arrived(), 0);

  // Nothing is awaited until the answer is there, so the rules are not back yet.
  sh(`nft flush table inet ${TABLE}`);
  const asked = ask();
  const deadline = performance.now() + PATIENCE_MS;
  while (answered() === 0) assert.ok(performance.now() < deadline, 'without rules it gets through');
  assert.equal(await asked, answer);

  let before = arrived();
  for (let tries = 10; ; tries -= 1) {
    await ask(200);
    if (arrived() === before) break;
    before = arrived();
    assert.ok(tries > 0, 'the connection goes on although the rules are back');
  }
}

/** @returns how many packets of a kind came to a station so far */
function counter(station: Station, kind: string): () => number {
  station.run(
    `nft "add table inet seen; add chain inet seen c { type filter hook prerouting priority -400; }; add rule inet seen c ${kind} counter"`,
  );
  return () => Number(/packets (\d+)/.exec(station.run('nft list table inet seen'))?.[1]);
}
