import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { runTool } from '#sys/run-tool';

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** By choice: the smallest init that does just its job, in the places distributions put it. */
const INITS = [
  '/usr/bin/tini-static',
  '/usr/bin/tini',
  '/usr/bin/docker-init',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/catatonit',
];
const VERSION_TIMEOUT_MS = 5000;

/** The programs the engine drives, where they are, and (once asked) their versions. */
export interface HostPrograms {
  readonly conmon: string;
  /** name → path */
  readonly runtimes: ReadonlyMap<string, string>;
  /** for `--init`; absent when the host has none */
  readonly init: string | undefined;
  /** empty until {@link readVersions} has asked */
  version(name: string): string;
  readVersions(): Promise<void>;
}

/** @throws {EngineError} `unavailable` naming what is missing and what cures it. */
export function findPrograms({ initPath }: { readonly initPath: string | undefined }): HostPrograms {
  const conmon = findProgram('conmon');
  const runtimes = new Map(
    ['crun', 'runc'].flatMap(name => {
      const path = findProgram(name);
      return path === undefined ? [] : [[name, path] as const];
    }),
  );
  if (conmon === undefined) throw missing('conmon', 'it supervises each container');
  if (runtimes.size === 0) throw missing('crun', 'it starts the processes of containers');
  const versions = new Map<string, string>();
  const init = initPath ?? INITS.find(isExecutable);
  const programs = [['conmon', conmon] as const, ...runtimes, ...(init ? [['init', init] as const] : [])];
  return {
    conmon,
    runtimes,
    init,
    version: name => versions.get(name) ?? '',
    readVersions: async () => {
      for (const [name, path] of programs) {
        const { output } = await runTool(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
        versions.set(name, /\d+\.\d+(\.\d+)*\S*/.exec(output)?.[0] ?? '');
      }
    },
  };
}

function findProgram(name: string): string | undefined {
  return FOLDERS.map(folder => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(name: string, why: string): EngineError {
  return new EngineError(
    'unavailable',
    `${name} is not installed: ${why}. Run \`npm run setup\`, or install the package "${name}"`,
  );
}
