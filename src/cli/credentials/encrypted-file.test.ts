import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { EncryptedFile } from './encrypted-file.ts';
import { holdLock } from './lock-file.ts';

interface Place extends Disposable {
  readonly own: string;
  readonly keys: string;
}

function place(): Place {
  const folder = mkdtempSync(path.join(tmpdir(), 'quai-credentials-'));
  return {
    own: path.join(folder, 'own'),
    keys: path.join(folder, 'keys'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const me = { username: 'me', password: 'secret' };
const token = { username: 'you', identityToken: 'given' };

test('what is written is read again, one server at a time; the file goes with the last', () => {
  using folders = place();
  const file = new EncryptedFile(folders);
  assert.equal(file.read().size, 0);
  file.write('a:5000', me);
  file.write('b:5000', token);
  assert.deepEqual(
    [...new EncryptedFile(folders).read()],
    [
      ['a:5000', me],
      ['b:5000', token],
    ],
  );
  assert.equal(statSync(file.path).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(file.path, 'utf8'), /secret|given|5000/);
  file.write('a:5000', undefined);
  file.write('nosuch', undefined);
  assert.deepEqual([...file.read().keys()], ['b:5000']);
  file.write('b:5000', undefined);
  assert.ok(!existsSync(file.path));
});

test('another machine, another key and a changed file open nothing', () => {
  using folders = place();
  new EncryptedFile(folders, { machineId: () => 'one' }).write('a', me);
  const refused = { name: 'CliError', message: /cannot open the credentials/ };
  assert.throws(() => new EncryptedFile(folders, { machineId: () => 'two' }).read(), refused);
  const file = new EncryptedFile(folders, { machineId: () => 'one' });
  const sealed = readFileSync(file.path, 'utf8');
  const json = JSON.parse(sealed) as { data: string; tag: string };
  const flip = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
  for (const changed of [
    { ...json, data: flip(json.data) },
    { ...json, tag: json.tag.slice(0, 8) },
    {},
    null,
  ]) {
    writeFileSync(file.path, JSON.stringify(changed));
    assert.throws(() => file.read(), refused, JSON.stringify(changed));
  }
  writeFileSync(file.path, sealed);
  assert.equal(file.read().size, 1);
  writeFileSync(path.join(folders.keys, 'credentials.key'), Buffer.alloc(32));
  assert.throws(() => file.read(), refused);
  assert.throws(() => file.write('a', undefined), refused, 'logging out does not throw the rest away');
  file.write('c', me);
  assert.deepEqual([...file.read().keys()], ['c'], 'logging in starts anew');
});

test('two writes never use one nonce', () => {
  using folders = place();
  const file = new EncryptedFile(folders);
  const nonces = [1, 2, 3].map(() => {
    file.write('a', me);
    return (JSON.parse(readFileSync(file.path, 'utf8')) as { nonce: string }).nonce;
  });
  assert.equal(new Set(nonces).size, 3);
});

test('several logins at once, with one key that is not there yet, all count', async () => {
  using folders = place();
  const servers = Array.from({ length: 4 }, (_, number) => `server-${number}`);
  const source = `
    import { EncryptedFile } from ${JSON.stringify(new URL('./encrypted-file.ts', import.meta.url).href)};
    import { workerData, parentPort } from 'node:worker_threads';
    const { folders, server, gate } = workerData;
    parentPort.postMessage('ready');
    Atomics.wait(gate, 0, 0);
    new EncryptedFile(folders, { machineId: () => 'm' }).write(server, { username: 'me', password: 'p' });`;
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workers = servers.map(
    server =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
        workerData: { folders: { own: folders.own, keys: folders.keys }, server, gate },
      }),
  );
  const ended = workers.map(worker => once(worker, 'exit'));
  await Promise.all(workers.map(worker => once(worker, 'message')));
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  await Promise.all(ended);
  const found = new EncryptedFile(folders, { machineId: () => 'm' }).read();
  assert.deepEqual([...found.keys()].toSorted(), servers);
  assert.deepEqual(readdirSync(folders.own), ['credentials.json'], 'nothing is left beside it');
});

test('a key that was cut is replaced at the next login', () => {
  using folders = place();
  const file = new EncryptedFile(folders);
  file.write('a', me);
  writeFileSync(path.join(folders.keys, 'credentials.key'), '');
  file.write('b', me);
  assert.deepEqual([...file.read().keys()], ['b']);
});

test('a lock whose owner has died is taken over; one that is held is told', () => {
  using folders = place();
  mkdirSync(folders.own);
  const file = path.join(folders.own, 'x.lock');
  writeFileSync(file, '');
  assert.throws(() => holdLock(file, { patienceMs: 30 }), { name: 'CliError', message: /another command/ });
  utimesSync(file, 0, 0);
  holdLock(file, { patienceMs: 1000 })[Symbol.dispose]();
  assert.deepEqual(readdirSync(folders.own), []);
});
