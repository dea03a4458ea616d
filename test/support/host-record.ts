import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type HostState, hostState, isAnotherEngineRunning, type LeakKind } from './leak-check.ts';

/** Names the file with what the host had before the first test of a whole run. */
export const HOST_STATE_VARIABLE = 'QUAI_TEST_HOST_STATE';

/** Writes down what the host has now, for {@link recordedHostState}. Nothing where an engine runs: what comes and goes is its. */
export function keepHostState(): ({ readonly path: string } & Disposable) | undefined {
  if (isAnotherEngineRunning([])) return undefined;
  const folder = mkdtempSync(`${tmpdir()}/quai-host-`);
  const path = `${folder}/state.json`;
  const lines = [...hostState()].map(([kind, each]) => [kind, [...each]]);
  writeFileSync(path, JSON.stringify(lines));
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** What the host had before the tests; `undefined` when nobody wrote it down. */
export function recordedHostState(): HostState | undefined {
  const path = process.env[HOST_STATE_VARIABLE];
  if (path === undefined) return undefined;
  // Only `keepHostState` writes it.
  const lines = JSON.parse(readFileSync(path, 'utf8')) as [LeakKind, string[]][];
  return new Map(lines.map(([kind, each]) => [kind, new Set(each)]));
}
