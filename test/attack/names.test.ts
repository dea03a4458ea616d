import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { attackEngine, HANG_MS, skip } from './attack-engine.ts';

const engine = attackEngine();

/** What JavaScript objects have by themselves. */
const INHERITED = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'];
const HOSTILE = [
  '..',
  '.',
  '../x',
  'a/../../x',
  'a/b',
  '/etc/passwd',
  'a\0b',
  'a\nb',
  'a\x1b]0;x\x07',
  '-rf',
  ' a',
  'é',
  '😀x',
  'x'.repeat(10_000),
];

function create(name: string, body: object = {}): Promise<{ status: number; body: unknown }> {
  return engine.daemon.call('POST', `/containers/create?name=${encodeURIComponent(name)}`, {
    Image: 'busybox',
    Cmd: ['sleep', '100'],
    HostConfig: { NetworkMode: 'none' },
    ...body,
  });
}

test('names that lead somewhere else, or are no text, are refused everywhere', { skip }, async () => {
  const { daemon } = engine;
  for (const name of HOSTILE) {
    const shown = JSON.stringify(name.slice(0, 20));
    const path = encodeURIComponent(name);
    assert.equal((await create(name)).status, 400, `container ${shown}`);
    assert.equal(
      (await daemon.call('POST', '/volumes/create', { Name: name })).status,
      400,
      `volume ${shown}`,
    );
    const network = await daemon.call('POST', '/networks/create', { Name: name });
    assert.ok(
      [400, 403].includes(network.status) || isPlainNetwork(name),
      `network ${shown}: ${network.status}`,
    );
    for (const url of [
      `/containers/${path}/json`,
      `/volumes/${path}`,
      `/networks/${path}`,
      `/exec/${path}/json`,
    ]) {
      const { status } = await daemon.call('GET', url);
      assert.ok(status >= 400 && status < 500, `GET ${url.slice(0, 60)}: ${status}`);
    }
    for (const url of [`/containers/${path}?force=1`, `/volumes/${path}`, `/images/${path}`]) {
      const { status } = await daemon.call('DELETE', url);
      assert.ok(status >= 400 && status < 500, `DELETE ${url.slice(0, 60)}: ${status}`);
    }
    if (name === 'a/b') continue; // a good name of an image
    const tag = await daemon.call('POST', `/images/busybox/tag?repo=${path}`);
    assert.equal(tag.status, 400, `tag ${shown}`);
  }
  await engine.assertUnharmed();
});

/** Docker lets a network be called almost anything that has no slash and no blank; ours are no file names. */
function isPlainNetwork(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name);
}

test('containers, volumes, networks and labels may be called what objects inherit', { skip }, async () => {
  const { daemon } = engine;
  for (const name of INHERITED) {
    for (const path of [
      `/containers/${name}/json`,
      `/volumes/${name}`,
      `/networks/${name}`,
      `/images/${name}/json`,
    ]) {
      assert.equal((await daemon.call('GET', path)).status, 404, path);
    }
    if (name.startsWith('_')) continue; // a name has to begin with a letter or digit
    const labels = JSON.parse(`{"${name}":"value","__proto__":"proto"}`) as object;
    assert.equal((await daemon.call('POST', '/volumes/create', { Name: name, Labels: labels })).status, 201);
    const network = await daemon.call('POST', '/networks/create', { Name: name, Labels: labels });
    assert.equal(network.status, 201, JSON.stringify(network.body));
    const made = await create(name, {
      Labels: labels,
      HostConfig: { NetworkMode: name, Binds: [`${name}:/data`] },
      NetworkingConfig: { EndpointsConfig: { [name]: { Aliases: [name] } } },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const started = await daemon.call('POST', `/containers/${name}/start`);
    assert.equal(started.status, 204, JSON.stringify(started.body));
    const { body } = await daemon.call('GET', `/containers/${name}/json`);
    const { Config, NetworkSettings } = body as {
      Config: { Labels: object };
      NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
    };
    assert.deepEqual(new Map(Object.entries(Config.Labels)), new Map(Object.entries(labels)));
    assert.match(NetworkSettings.Networks[name]?.IPAddress ?? '', /^\d/);
    const filters = encodeURIComponent(
      JSON.stringify({ label: [`${name}=value`, '__proto__=proto'], name: [name] }),
    );
    const listed = await daemon.call('GET', `/containers/json?filters=${filters}`);
    assert.equal((listed.body as unknown[]).length, 1);
  }
  await daemon.restart();
  for (const name of INHERITED.filter(each => !each.startsWith('_'))) {
    const { body } = await daemon.call('GET', `/volumes/${name}`);
    assert.equal(Object.entries((body as { Labels: object }).Labels).length, 2, 'labels outlive the engine');
    assert.equal((await daemon.call('DELETE', `/containers/${name}?force=1`)).status, 204);
    assert.equal((await daemon.call('DELETE', `/networks/${name}`)).status, 204);
    assert.equal((await daemon.call('DELETE', `/volumes/${name}`)).status, 204);
  }
  assert.equal(({} as { value?: string }).value, undefined);
});

test('maps of a request whose keys are inherited names are taken as maps or refused, never followed', {
  skip,
}, async () => {
  const maps = [
    '"Labels":{"__proto__":{"x":1}}',
    '"Volumes":{"__proto__":{},"constructor":{}}',
    '"ExposedPorts":{"__proto__":{},"constructor":{}}',
    '"HostConfig":{"Sysctls":{"__proto__":"1"}}',
    '"HostConfig":{"StorageOpt":{"__proto__":"1"}}',
    '"HostConfig":{"Tmpfs":{"__proto__":"size=1m"}}',
    '"HostConfig":{"PortBindings":{"__proto__":[{"HostPort":"1"}]}}',
    '"HostConfig":{"LogConfig":{"Config":{"__proto__":"1"}}}',
    '"HostConfig":{"LogConfig":{"Type":"constructor"}}',
    '"HostConfig":{"Runtime":"__proto__"}',
    '"HostConfig":{"IpcMode":"constructor"}',
    '"HostConfig":{"RestartPolicy":{"Name":"constructor"}}',
    '"HostConfig":{"Ulimits":[{"Name":"constructor","Soft":1,"Hard":1}]}',
    '"HostConfig":{"CapAdd":["__proto__","constructor"]}',
    '"HostConfig":{"Mounts":[{"Type":"constructor","Target":"/x"}]}',
    '"StopSignal":"constructor"',
    '"Healthcheck":{"Test":["constructor"]}',
  ];
  for (const map of maps) {
    const { status, body } = await engine.daemon.call(
      'POST',
      '/containers/create',
      `{"Image":"busybox","Cmd":["true"],${map}}`,
      { headers: { 'content-type': 'application/json' } },
    );
    assert.ok([400, 404].includes(status), `${map}: ${status} ${JSON.stringify(body)}`);
  }
  // As with any network that is not there, it is the start that fails.
  for (const network of ['__proto__', 'constructor', 'toString']) {
    const { started } = await engine.run({
      Cmd: ['true'],
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: JSON.parse(`{"${network}":{"Aliases":["x"]}}`) as object },
    });
    assert.equal(started?.status, 404, `${network}: ${JSON.stringify(started)}`);
  }
  // Of equal keys the last counts, as in Go.
  const twice = await engine.daemon.call(
    'POST',
    '/containers/create?name=twice',
    '{"Image":"nosuch","Image":"busybox","Cmd":["false"],"Cmd":["true"],"Labels":{"a":"1","a":"2"},"Privileged":true}',
    { headers: { 'content-type': 'application/json' } },
  );
  assert.equal(twice.status, 201, JSON.stringify(twice.body));
  await engine.remove('twice');
  await engine.assertUnharmed();
});

test('requests that are too deep, too large, or broken are refused, and cost nobody else anything', {
  skip,
}, async () => {
  const { daemon } = engine;
  const json = { headers: { 'content-type': 'application/json' } };
  const send = async (body: string | Buffer): Promise<number> =>
    (await daemon.call('POST', '/containers/create', body, json)).status;
  assert.equal(await send(`{"Image":${'['.repeat(200_000)}`), 400);
  assert.equal(await send(`{"x":${'{"x":'.repeat(9000)}1${'}'.repeat(9000)}}`), 400);
  assert.equal(await send('{"Image":"busybox"'), 400);
  assert.equal(await send('[{"Image":"busybox"}]'), 400);
  assert.equal(await send(Buffer.from([0xff, 0xfe, 0x00])), 400);
  assert.equal(await send('null'), 400);
  // The engine does not read on once it is too much, which may break the connection under a client that still writes.
  const endless = await send(' '.repeat(5 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) => error.code);
  assert.ok(endless === 413 || endless === 'EPIPE' || endless === 'ECONNRESET', String(endless));
  const env = [`BIG=${'x'.repeat(1024 * 1024)}`];
  assert.equal(await send(JSON.stringify({ Image: 'busybox', Cmd: ['true'], Env: env })), 400);
  const many = Array.from({ length: 20_000 }, (_, index) => `V${index}=${'y'.repeat(150)}`);
  assert.equal(await send(JSON.stringify({ Image: 'busybox', Cmd: ['true'], Env: many })), 400);
  assert.equal(await send(JSON.stringify({ Image: 'busybox', Cmd: ['true', 'a\0b'] })), 400);
  const labels = Object.fromEntries(many.map(entry => entry.split('=')));
  assert.equal(await send(JSON.stringify({ Image: 'busybox', Cmd: ['true'], Labels: labels })), 400);
  await engine.start('target');
  const exec = await daemon.call('POST', '/containers/target/exec', {
    Cmd: ['true', 'x'.repeat(1024 * 1024)],
  });
  assert.equal(exec.status, 400, JSON.stringify(exec.body).slice(0, 200));
  await engine.remove('target');
  await until('nothing is left', () => readdirSync(join(daemon.root, 'containers')).length === 0);
  await engine.assertUnharmed();
});

test('paths longer than the kernel takes are refused before a runtime complains of them without end', {
  skip,
}, async () => {
  const long = `/${'x'.repeat(100_000)}`;
  for (const Runtime of ['crun', 'runc']) {
    const base = { Runtime, NetworkMode: 'none' };
    const requests = [
      { Cmd: [long] },
      { Cmd: ['true'], WorkingDir: long },
      { Cmd: ['true'], HostConfig: { ...base, Tmpfs: { [long]: '' } } },
      { Cmd: ['true'], HostConfig: { ...base, Binds: [`/tmp:${long}`] } },
      { Cmd: ['true'], HostConfig: { ...base, MaskedPaths: [long] } },
      { Cmd: ['true'], HostConfig: { ...base, CgroupParent: long } },
    ];
    for (const request of requests) {
      const begun = performance.now();
      const { created, started } = await engine.run({ HostConfig: base, ...request });
      assert.equal((started ?? created).status, 400, JSON.stringify(request).slice(0, 100));
      assert.ok(performance.now() - begun < HANG_MS);
    }
    await engine.start('patient', { HostConfig: base });
    for (const request of [{ Cmd: [long] }, { Cmd: ['true'], WorkingDir: long }]) {
      const begun = performance.now();
      assert.notEqual((await engine.exec('patient', request)).code, 0);
      assert.ok(performance.now() - begun < HANG_MS);
    }
    await engine.remove('patient');
  }
  await engine.assertUnharmed();
});

test('what clients send cannot write lines of its own into the log of the engine', { skip }, async () => {
  const forged = '{"time":"x","level":"info","message":"forged"}';
  const nasty = `a\n${forged}\r\n\u001b[2J\u009b31m\u2028`;
  await create(nasty);
  await create('fine', { Labels: { [nasty]: nasty }, Image: nasty });
  await engine.daemon.call('GET', `/containers/${encodeURIComponent(nasty)}/json`);
  await engine.daemon.call('POST', '/volumes/create', { Name: nasty, DriverOpts: { [nasty]: nasty } });
  await engine.start('logged', { Labels: { [nasty]: nasty } });
  await engine.exec('logged', { Cmd: [nasty], Env: [nasty], User: nasty, WorkingDir: `/${nasty}` });
  await engine.remove('logged');
  assert.ok(!engine.daemon.log.split('\n').includes(forged));
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  assert.equal(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.exec(engine.daemon.log)?.[0], undefined);
});

test('patterns of clients do not stop the engine', { skip }, async () => {
  const { daemon } = engine;
  const name = 'a'.repeat(190);
  await daemon.call('POST', '/volumes/create', { Name: name });
  await daemon.call('POST', '/networks/create', { Name: name });
  await create(name);
  const patterns = [
    '(a+)+$b',
    '^(a|a)*$b',
    '(a*)*b',
    '(a?){200}b',
    `(${'a?'.repeat(100)}){2}b`,
    '(((((a*)*)*)*)*)*b',
  ];
  for (const pattern of patterns) {
    const filters = encodeURIComponent(JSON.stringify({ name: [pattern], label: [pattern] }));
    const begun = performance.now();
    for (const path of ['/containers/json?all=1&', '/volumes?', '/networks?', '/images/json?']) {
      await daemon.call('GET', `${path}filters=${filters}`);
    }
    assert.ok(performance.now() - begun < HANG_MS, pattern);
  }
  await engine.remove(name);
  await daemon.call('DELETE', `/volumes/${name}`);
  await daemon.call('DELETE', `/networks/${name}`);
  await engine.assertUnharmed();
});

test('arguments of top can neither show other processes nor run anything', { skip }, async () => {
  const marker = join(engine.folder, 'ran');
  await engine.start('topped', { Cmd: ['sleep', '7777'] });
  const top = async (args: string): Promise<{ status: number; text: string }> => {
    const { status, body } = await engine.daemon.call(
      'GET',
      `/containers/topped/top?ps_args=${encodeURIComponent(args)}`,
    );
    return { status, text: JSON.stringify(body) };
  };
  for (const args of [
    '-ef',
    'aux',
    'axe',
    '-eo pid,args',
    '-eo user=PID,pid,args',
    '-eo ppid=PID,args',
    '-eo sid=PID,args',
    `-eo pid=PID,args=x;touch ${marker}`,
    `$(touch ${marker})`,
    '-eo pid,args --cols 2147483647',
    '-eo pid --sort=-rss',
    'x'.repeat(10_000),
    '-C node -o pid,args',
  ]) {
    const { text } = await top(args);
    assert.equal(/daemon\/main\.ts|conmon|--test-reporter/.exec(text)?.[0], undefined, args);
  }
  assert.match((await top('-ef')).text, /sleep 7777/);
  assert.ok(!existsSync(marker));
  await engine.remove('topped');
});

test('a process with endless arguments in one container does not hide those of others', {
  skip,
}, async () => {
  const script = `${'x=$(head -c 120000 /dev/zero | tr "\\\\0" y);'} for i in 1 2 3 4 5 6; do sleep 1000 $x & done; wait`;
  await engine.start('longwinded', {
    Cmd: ['sh', '-c', script.replace('sleep 1000 $x', 'sh -c "sleep 1000; : $x"')],
  });
  await engine.start('quiet', { Cmd: ['sleep', '7778'] });
  const { status, body } = await engine.daemon.call('GET', '/containers/quiet/top');
  assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
  assert.match(JSON.stringify(body), /sleep 7778/);
  await engine.remove('longwinded');
  await engine.remove('quiet');
});
