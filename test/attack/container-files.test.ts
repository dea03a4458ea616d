import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();

/** A folder that is now one of its own, now a link to where the canary would be, each by a rename. */
const swapping = (folder: string): string => `
mkdir -p /spot /real; echo mine > /spot/canary; ln -s ${folder} /out
while :; do
  mv /spot /away; mv /out /spot; mv /spot /out; mv /away /spot
done`;

async function bytesOf(path: string): Promise<Buffer> {
  const { status, response } = await engine.daemon.stream('GET', path);
  const bytes = await buffer(response);
  assert.equal(status, 200, bytes.toString());
  return bytes;
}

test('export and diff of a container that swaps a folder for a link out of it stay inside', {
  skip,
}, async () => {
  await engine.start('swaps', { Cmd: ['sh', '-c', swapping(engine.folder)] });
  for (let round = 0; round < 20; round += 1) {
    const tar = await bytesOf('/containers/swaps/export');
    assert.equal(tar.includes('nobody but the host'), false);
    assert.ok(tar.length % 512 === 0 && tar.length > 100_000);
    const { status, body } = await engine.daemon.call('GET', '/containers/swaps/changes');
    assert.equal(status, 200);
    assert.doesNotMatch(JSON.stringify(body), /attack-host-/);
  }
  await engine.remove('swaps');
  await engine.assertUnharmed();
});

test('export of a container that is removed meanwhile does not look complete', { skip }, async () => {
  await engine.start('goes', { Cmd: ['sh', '-c', 'head -c 50000000 /dev/urandom > /big; sleep 1000'] });
  const size = async (): Promise<string> =>
    (await engine.exec('goes', { Cmd: ['stat', '-c', '%s', '/big'] })).output;
  while (!(await size()).startsWith('50000000'));
  const { status, response } = await engine.daemon.stream('GET', '/containers/goes/export');
  assert.equal(status, 200);
  await engine.remove('goes');
  await assert.rejects(buffer(response), { code: 'ECONNRESET' });
  await engine.assertUnharmed();
});

test('a client that leaves an export ends it', { skip }, async () => {
  await engine.start('left', { Cmd: ['sh', '-c', 'truncate -s 1000G /holes; sleep 1000'] });
  const abort = new AbortController();
  const { response } = await engine.daemon.stream('GET', '/containers/left/export', { signal: abort.signal });
  response.once('error', () => undefined);
  abort.abort();
  await engine.remove('left');
  await engine.assertUnharmed();
});
