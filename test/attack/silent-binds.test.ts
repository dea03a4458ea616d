import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cannotMountFuse, SilentFuse } from '../support/silent-fuse.ts';
import { assertAnswers, attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();
/** More than Node has threads for files. */
const MANY = 6;

test('a directory of the host that does not answer is bound to nobody, and containers with others start meanwhile', {
  skip: skip || cannotMountFuse,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-silent-'));
  for (const name of ['far', 'near']) mkdirSync(join(folder, name));
  const create = (name: string, source: string) =>
    engine.daemon.call('POST', `/containers/create?name=${name}`, {
      Image: 'busybox',
      Cmd: ['touch', '/data/mark'],
      HostConfig: { Binds: [`${source}:/data`], NetworkMode: 'none' },
    });
  assert.equal((await create('later', join(folder, 'far'))).status, 201);
  {
    using _far = new SilentFuse(join(folder, 'far'));
    const waiting = [...Array(MANY).keys()].map(index =>
      create(`dead${index}`, join(folder, `far/${index}`)),
    );
    const starting = engine.daemon.call('POST', '/containers/later/start');
    await assertAnswers(engine.daemon);
    assert.equal((await create('lives', join(folder, 'near'))).status, 201);
    assert.equal((await engine.daemon.call('POST', '/containers/lives/start')).status, 204);
    assert.equal((await engine.daemon.call('POST', '/containers/lives/wait')).status, 200);
    for (const { status, body } of await Promise.all([...waiting, starting])) {
      assert.equal(status, 503);
      assert.match(JSON.stringify(body), /far(\/\d)? on the host has not answered for 20 s: is the server/);
    }
  }
  assert.equal((await engine.daemon.call('POST', '/containers/later/start')).status, 204);
  assert.equal((await engine.daemon.call('POST', '/containers/later/wait')).status, 200);
  rmSync(folder, { recursive: true });
});
