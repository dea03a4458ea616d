import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cannotRunDaemon } from '../../support/daemon.ts';
import { leaksNaming } from '../../support/leak-check.ts';

const LAUNCHER = fileURLToPath(new URL('../../../quai', import.meta.url));
const ROUNDS = 20;
/** Beyond the moment when it is ready, on a machine that is not too busy. */
const LATEST_MS = 1200;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly log: string;
}

/** Starts an engine, and sends it SIGTERM after this time. */
async function stopAfter(delayMs: number, folder: string): Promise<End> {
  const places = ['--root', `${folder}/root`, '--run-dir', `${folder}/run`, '--host', `unix://${folder}/q`];
  const [a, b, c] = randomBytes(3);
  // Has it start a thread at once.
  writeFileSync(`${folder}/config.json`, JSON.stringify({ 'host-dns': `127.${a}.${b}.${c}:53` }));
  const args = ['daemon', ...places, '--log-format', 'human', '--config', `${folder}/config.json`];
  const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const log = text(child.stderr);
  const ended = once(child, 'exit');
  await wait(delayMs);
  child.kill('SIGTERM');
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  return { code, signal, log: await log };
}

test('SIGTERM at any moment of the start ends the engine with 0, and leaves nothing', {
  skip: cannotRunDaemon,
}, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = mkdtempSync(`${tmpdir()}/quai-test-`);
    try {
      const delayMs = Math.round(Math.random() * LATEST_MS);
      const { code, signal, log } = await stopAfter(delayMs, folder);
      // Before the program has a say, the signal ends it: it has done nothing yet.
      const hasBegun = log !== '' || existsSync(`${folder}/root`);
      const isClean = code === 0 || (signal === 'SIGTERM' && !hasBegun);
      assert.ok(isClean, `after ${delayMs} ms: ${code ?? signal}\n${log}`);
      assert.doesNotMatch(log, / error |FATAL/, `after ${delayMs} ms`);
      const left = ['run', 'q'].filter(name => existsSync(`${folder}/${name}`));
      assert.deepEqual([...left, ...(await leaksNaming([folder]))], [], `left after ${delayMs} ms\n${log}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
});
