import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { LogRotator } from '#runtime/log/log-rotator';
import { type LogQuery, readLogs } from '#runtime/log/read-logs';
import { RuntimeFixture, whyNot } from './runtime-fixture.ts';

const skip = whyNot() ?? false;
const QUERY: LogQuery = {
  stdout: true,
  stderr: true,
  hasTimestamps: false,
  isFollowing: false,
  isRaw: true,
  sharesFrames: false,
};
const LINES = 20_000;
const ROUNDS = 8;

test('conmon’s log rotates while it is written, and no line is lost or doubled', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const script = `for i in $(seq ${ROUNDS}); do seq ${LINES}; sleep 0.1; done`;
  const container = await fixture.create({ args: ['sh', '-c', script] });
  const { log } = container.paths;
  using rotator = new LogRotator({ logger: silentLogger });
  const reopen = (): void => fixture.runtime.reopenLog(container.paths);
  rotator.add(container.id, { path: log, maxSizeBytes: 500_000, maxFiles: 1000, reopen });
  const following = read(log, { ...QUERY, isFollowing: true }, container.exit);
  await fixture.runtime.start(container.id, 'crun');
  await container.exit;

  const expected = `${Array.from({ length: LINES }, (_, index) => index + 1).join('\n')}\n`.repeat(ROUNDS);
  assert.ok(
    readdirSync(fixture.root).filter(name => /\.log\.\d+$/.test(name)).length >= 3,
    'it did not rotate',
  );
  assert.equal(await following, expected);
  assert.equal(await read(log, QUERY, container.exit), expected);
  const tail = LINES + 3;
  assert.equal(
    await read(log, { ...QUERY, tail }, container.exit),
    `${expected
      .split('\n')
      .slice(-tail - 1)
      .join('\n')}`,
  );
  await fixture.delete(container);
});

test('a terminal’s output is kept as it was shown', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({
    args: ['sh', '-c', 'echo one; printf two; echo err >&2'],
    options: { hasTerminal: true },
  });
  await container.exit;

  assert.equal(await read(container.paths.log, QUERY, container.exit), 'one\r\ntwoerr\r\n');
  await fixture.delete(container);
});

async function read(path: string, query: LogQuery, ended: Promise<unknown>): Promise<string> {
  const chunks = [];
  for await (const chunk of readLogs(path, query, { ended })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
