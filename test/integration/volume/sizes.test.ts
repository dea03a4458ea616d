import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { until } from '../../support/until.ts';

const FOLDERS = 100;
const FILES_EACH = 100;

/** Many files are quickly made when they are empty. */
function fill(directory: string): void {
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    mkdirSync(join(directory, String(folder)));
    for (let file = 0; file < FILES_EACH; file += 1)
      closeSync(openSync(join(directory, String(folder), String(file)), 'wx'));
  }
}

async function sizeOf(daemon: TestDaemon): Promise<number> {
  const { body } = await daemon.call('GET', '/v1.51/system/df?type=volume');
  const { Volumes } = body as { Volumes: { Name: string; UsageData: { Size: number } }[] }; // Docker's shape
  return Volumes.find(({ Name }) => Name === 'large')?.UsageData.Size ?? -1;
}

test('the size of a large volume is told at once, also after a restart, and becomes that of now by itself', {
  skip: cannotRunDocker,
}, async t => {
  await using daemon = await startDaemon();
  await daemon.call('POST', '/volumes/create', { Name: 'large' });
  const data = `${daemon.root}/volumes/large/_data`;
  fill(data);
  assert.equal(await sizeOf(daemon), 0);
  writeFileSync(join(data, 'more'), Buffer.alloc(1_000_000));
  await daemon.kill9();
  await daemon.start();
  const begun = performance.now();
  const told = await sizeOf(daemon);
  t.diagnostic(`${FOLDERS * FILES_EACH} files: ${Math.round(performance.now() - begun)} ms, ${told} bytes`);
  await until('it is that of now', async () => (await sizeOf(daemon)) === 1_000_000);

  const { stdout } = await daemon.quai(['volume', 'ls', '--size']);
  assert.match(stdout, /^DRIVER +VOLUME NAME +SIZE\nlocal +large +1MB/);
  const { stdout: bare } = await daemon.quai(['volume', 'ls', '--size', '--format', '{{.Name}}={{.Size}}']);
  assert.match(bare, /^large=1MB/);
  // As Docker's without it.
  const { stdout: plain } = await daemon.quai(['volume', 'ls', '--format', '{{.Name}}={{.Size}}']);
  assert.equal(plain, 'large=N/A\n');
});
