import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { runTool } from '#sys/run-tool';
import type { ContainerRecord } from './container-records.ts';
import type { RuntimeContext } from './runtime-context.ts';

const TIMEOUT_MS = 10_000;

/** Lets the OCI runtime write limits into a container's control groups: it knows both of their versions. @throws {EngineError} `internal`. */
export async function updateResources(
  { layout }: Pick<RuntimeContext, 'layout'>,
  { id, runtime, bundle }: ContainerRecord,
  resources: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (Object.keys(resources).length === 0) return;
  const file = join(bundle, 'resources.json');
  try {
    writeFileSync(file, JSON.stringify(resources), { mode: 0o600 });
    const args = ['--root', layout.stateRoot(runtime), 'update', '--resources', file, id];
    const { status, output } = await runTool(layout.program(runtime).path, args, { timeoutMs: TIMEOUT_MS });
    if (status !== 0) throw new EngineError('internal', output.trim());
  } finally {
    rmSync(file, { force: true });
  }
}
