import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotRunDaemon, startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { dockerArchive, type TestImage } from '../../support/image-archive.ts';

const skip = cannotRunDaemon;
const image = (name: string, labels: Record<string, string> = {}): TestImage => ({
  tags: [`${name}:1`],
  layers: [[{ path: name, content: 'x'.repeat(100) }]],
  config: { Cmd: ['/x'], Labels: labels },
});

async function cleanUp(
  daemon: TestDaemon,
  query = '',
): Promise<{ Removed: { RepoTags: string[]; Reason: string }[]; SpaceReclaimed: number }> {
  const { status, body } = await daemon.call('POST', `/quai/images/cleanup${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body as Awaited<ReturnType<typeof cleanUp>>;
}

test('POST /quai/images/cleanup takes what the policy says, tells it in an event, and nothing that is young or in use', {
  skip,
}, async () => {
  await using daemon = await startDaemon({
    config: { 'image-cleanup': { 'unused-days': 30, 'keep-labels': ['keep'] } },
  });
  const archive = dockerArchive([image('old'), image('used'), image('kept', { keep: '1' }), image('young')]);
  assert.equal((await daemon.call('POST', '/images/load', archive)).status, 200);
  assert.deepEqual((await cleanUp(daemon, '?dry-run=1')).Removed, [], 'all of them have just come');
  const created = await daemon.call('POST', '/containers/create?name=user', { Image: 'used:1' });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  await daemon.stop();
  await ageImages(daemon.root, 40, 'young:1');
  await daemon.start();

  const dry = await cleanUp(daemon, '?dry-run=1');
  assert.deepEqual(
    dry.Removed.map(({ RepoTags, Reason }) => [RepoTags, Reason]),
    [[['old:1'], 'unused']],
  );
  assert.equal((await daemon.call('GET', '/images/old:1/json')).status, 200, 'dry is dry');
  assert.deepEqual(await cleanUp(daemon), dry);
  assert.equal((await daemon.call('GET', '/images/old:1/json')).status, 404);
  for (const name of ['used', 'kept', 'young']) {
    assert.equal((await daemon.call('GET', `/images/${name}:1/json`)).status, 200, name);
  }
  const until = Math.ceil(Date.now() / 1000);
  const { body } = await daemon.call('GET', `/events?since=0&until=${until}`);
  assert.match(typeof body === 'string' ? body : JSON.stringify(body), /"Action":"cleanup".*old:1/);
});

/** Makes all images but one older, as days would. */
async function ageImages(root: string, days: number, exceptName: string): Promise<void> {
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(`${root}/quai.db`);
  const ms = days * 24 * 3600 * 1000;
  db.prepare(
    `UPDATE images SET added_at = added_at - ?1, last_tagged_at = last_tagged_at - ?1, last_used_at = last_used_at - ?1
     WHERE id NOT IN (SELECT image_id FROM image_names WHERE name = 'docker.io/library/' || ?2)`,
  ).run(ms, exceptName);
  db.close();
}
