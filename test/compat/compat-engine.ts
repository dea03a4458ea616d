import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { type BusyboxOptions, makeBusyboxArchive } from '../support/busybox-image.ts';
import { cannotRunDocker, type DaemonOptions, type TestDaemon } from '../support/daemon.ts';
import type { ProgramOptions, ProgramResult } from '../support/programs.ts';

/** Why tests that drive containers with the Docker command line cannot run here. */
export const skip: string | false = cannotRunDocker || cannotRunContainers;

/** One engine for all tests of a file. */
export interface CompatEngine {
  readonly daemon: TestDaemon;
  /** `docker …words`; any status is a result */
  docker(words: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** `docker …words` that must end well: its standard output without the last line end */
  ok(...words: string[]): Promise<string>;
  /** `docker run --rm …words` that must end well */
  run(...words: string[]): Promise<string>;
  /** `docker run -d --name NAME …words`: the container's ID */
  started(name: string, ...words: string[]): Promise<string>;
  /** `docker …words` that must fail: status and standard error */
  refused(...words: string[]): Promise<{ readonly code: number; readonly stderr: string }>;
  /** `docker inspect --format FORMAT NAME` */
  inspect(name: string, format: string): Promise<string>;
}

/** Starts the engine before the first test of the file; containers go after each, the engine after the last. */
export function compatEngine(options: DaemonOptions = {}): CompatEngine {
  let daemon: TestDaemon | undefined;
  const current = (): TestDaemon => {
    assert.ok(daemon, 'the engine runs while tests do');
    return daemon;
  };
  before(async () => {
    if (skip === false) daemon = await startBusyboxDaemon(options);
  });
  afterEach(async () => {
    if (daemon?.isRunning) await removeContainers(daemon);
  });
  after(async () => {
    const errors = daemon?.log.split('\n').filter(line => line.includes('"level":"error"'));
    await daemon?.[Symbol.asyncDispose]();
    assert.deepEqual(errors ?? [], [], 'the engine met no error of its own');
  });
  const docker: CompatEngine['docker'] = (words, programOptions) => current().docker(words, programOptions);
  const ok: CompatEngine['ok'] = (...words) => current().ok('docker', words);
  return {
    get daemon() {
      return current();
    },
    docker,
    ok,
    run: (...words) => ok('run', '--rm', ...words),
    started: (name, ...words) => ok('run', '-d', '--name', name, ...words),
    refused: async (...words) => {
      const { code, stdout, stderr } = await docker(words);
      assert.notEqual(code, 0, `docker ${words.join(' ')} did not fail: ${stdout}${stderr}`);
      return { code, stderr };
    },
    inspect: (name, format) => ok('inspect', '--format', format, name),
  };
}

/** Through the API: a second process for each test would only cost time. */
async function removeContainers(daemon: TestDaemon): Promise<void> {
  const { status, body } = await daemon.call('GET', '/containers/json?all=1');
  assert.equal(status, 200, JSON.stringify(body));
  for (const { Id } of body as { Id: string }[]) {
    await daemon.call('DELETE', `/containers/${Id}?force=1&v=1`);
  }
}

/** Loads an image like busybox with a configuration, and files, of its own. */
export async function loadImage(engine: CompatEngine, options: BusyboxOptions): Promise<void> {
  await engine.ok('load', '-q', '-i', await makeBusyboxArchive(options));
}
