import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { makeBusyboxArchive } from '../support/busybox-image.ts';
import type { DaemonOptions, TestDaemon } from '../support/daemon.ts';
import type { Answer } from '../support/engine-client.ts';
import { dockerArchive, type LayerEntry, type TestImage } from '../support/image-archive.ts';
import { PATIENCE_MS } from '../support/until.ts';

export const skip: string | false = cannotRunContainers;

/** How a container's life went: what creation and start answered, and what its process wrote and ended with. */
export interface Run {
  readonly created: Answer;
  readonly started?: Answer;
  readonly code?: number;
  readonly output: string;
}

export interface ExecResult {
  readonly code: number | undefined;
  readonly output: string;
}

/** One real engine for all tests of a file, and a folder with a canary outside of everything it serves. */
export interface AttackEngine {
  readonly daemon: TestDaemon;
  /** a folder of the host that no container was given */
  readonly folder: string;
  /** Loads an image like busybox with `extra` files and a `config` of its own. */
  image(tag: string, extra: readonly LayerEntry[], config?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Creates, starts, waits and removes; nothing is asserted. `bare` answers of a refused request are the result. */
  run(request: Readonly<Record<string, unknown>>): Promise<Run>;
  /** `run` of a shell script in busybox that must get as far as running */
  script(script: string, request?: Readonly<Record<string, unknown>>): Promise<string>;
  /** A container that stays; its ID. */
  start(name: string, request?: Readonly<Record<string, unknown>>): Promise<string>;
  exec(name: string, request: Readonly<Record<string, unknown>>): Promise<ExecResult>;
  remove(name: string): Promise<void>;
  /** Fails unless the engine answers, was not held meanwhile, and the canary is as it was. */
  assertUnharmed(): Promise<void>;
}

/** Nobody waits for the engine for so long, however busy the machine; what hangs, hangs for longer. */
export const HANG_MS = 20_000;
/** The most that anything may keep the engine's main thread computing, whatever else the machine does. */
const HELD_MS = 2000;

const CANARY = 'nobody but the host reads or writes this\n';

export function attackEngine(options: DaemonOptions = {}): AttackEngine {
  let daemon: TestDaemon | undefined;
  const folder = mkdtempSync(join(tmpdir(), 'attack-host-'));
  const current = (): TestDaemon => {
    assert.ok(daemon, 'the engine runs while tests do');
    return daemon;
  };
  before(async () => {
    writeFileSync(join(folder, 'canary'), CANARY);
    if (skip === false) daemon = await startBusyboxDaemon(options);
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const engine: AttackEngine = {
    get daemon() {
      return current();
    },
    folder,
    image: (tag, extra, config = {}) => loadImage(current(), tag, extra, config),
    run: request => run(current(), request),
    script: async (script, request = {}) => {
      const { created, started, output } = await run(current(), { Cmd: ['sh', '-c', script], ...request });
      assert.equal(created.status, 201, JSON.stringify(created.body));
      assert.equal(started?.status, 204, JSON.stringify(started?.body));
      return output;
    },
    start: async (name, request = {}) => {
      const { status, body } = await create(current(), { Cmd: ['sleep', '1000'], ...request }, name);
      assert.equal(status, 201, JSON.stringify(body));
      const started = await current().call('POST', `/containers/${name}/start`);
      assert.equal(started.status, 204, JSON.stringify(started.body));
      return (body as { Id: string }).Id;
    },
    exec: (name, request) => exec(current(), name, request),
    remove: async name => {
      const { status } = await current().call('DELETE', `/containers/${name}?force=1&v=1`);
      assert.ok([204, 404].includes(status), `removal answered ${status}`);
    },
    assertUnharmed: async () => {
      await assertAnswers(current());
      assert.equal(readFileSync(join(folder, 'canary'), 'utf8'), CANARY);
    },
  };
  return engine;
}

/** Fails unless the engine answers a list, and nothing has held its event loop since it started. */
export async function assertAnswers(daemon: TestDaemon): Promise<void> {
  const begun = performance.now();
  assert.equal((await daemon.call('GET', '/containers/json?all=1')).status, 200);
  assert.ok(performance.now() - begun < HANG_MS, 'the engine hangs');
  const stalls = daemon.log
    .split('\n')
    .flatMap(line => (line.includes('"the event loop stalled"') ? [JSON.parse(line) as Stall] : []))
    .filter(({ cpuMs, stalledMs }) => cpuMs > HELD_MS || stalledMs > HANG_MS);
  assert.deepEqual(stalls, [], 'the event loop was held');
}

interface Stall {
  readonly stalledMs: number;
  readonly cpuMs: number;
}

/** The text of Docker's multiplexed frames, both streams as they come. */
export function unframed(bytes: Buffer): string {
  const parts: Buffer[] = [];
  for (let offset = 0; offset + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(offset + 4);
    parts.push(bytes.subarray(offset + 8, offset + 8 + length));
    offset += 8 + length;
  }
  return Buffer.concat(parts).toString();
}

/** Whether the host has `path`; for canaries that must not appear. */
export function isOnHost(path: string): boolean {
  return existsSync(path);
}

async function loadImage(
  daemon: TestDaemon,
  tag: string,
  extra: readonly LayerEntry[],
  config: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = await makeBusyboxArchive({ tags: [tag], extra, config });
  await load(daemon, readFileSync(path));
}

async function load(daemon: TestDaemon, archive: Buffer): Promise<void> {
  const { status, body } = await daemon.call('POST', '/images/load', archive, {
    headers: { 'content-type': 'application/x-tar' },
  });
  assert.equal(status, 200, JSON.stringify(body));
  assert.doesNotMatch(JSON.stringify(body), /errorDetail/);
}

/** Loads an image as it is given. */
export async function loadImageOf(daemon: TestDaemon, image: TestImage): Promise<void> {
  await load(daemon, dockerArchive([image]));
}

async function create(
  daemon: TestDaemon,
  request: Readonly<Record<string, unknown>>,
  name?: string,
): Promise<Answer> {
  const query = name === undefined ? '' : `?name=${encodeURIComponent(name)}`;
  const HostConfig = { NetworkMode: 'none', ...(request['HostConfig'] as object | undefined) };
  return daemon.call('POST', `/containers/create${query}`, { Image: 'busybox', ...request, HostConfig });
}

async function run(daemon: TestDaemon, request: Readonly<Record<string, unknown>>): Promise<Run> {
  const created = await create(daemon, request);
  if (created.status !== 201) return { created, output: '' };
  const { Id } = created.body as { Id: string };
  try {
    const started = await daemon.call('POST', `/containers/${Id}/start`);
    if (started.status !== 204) return { created, started, output: '' };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const waited = await daemon.call('POST', `/containers/${Id}/wait`, undefined, { signal });
    const output = await logs(daemon, Id, request['Tty'] === true);
    return { created, started, code: (waited.body as { StatusCode: number }).StatusCode, output };
  } finally {
    await daemon.call('DELETE', `/containers/${Id}?force=1&v=1`);
  }
}

async function logs(daemon: TestDaemon, id: string, isRaw: boolean): Promise<string> {
  const { response } = await daemon.stream('GET', `/containers/${id}/logs?stdout=1&stderr=1`);
  const bytes = Buffer.concat(await response.toArray());
  return isRaw ? bytes.toString() : unframed(bytes);
}

async function exec(
  daemon: TestDaemon,
  name: string,
  request: Readonly<Record<string, unknown>>,
): Promise<ExecResult> {
  const made = await daemon.call('POST', `/containers/${name}/exec`, {
    AttachStdout: true,
    AttachStderr: true,
    ...request,
  });
  if (made.status !== 201) return { code: undefined, output: JSON.stringify(made.body) };
  const { Id } = made.body as { Id: string };
  const { response } = await daemon.stream('POST', `/exec/${Id}/start`, {
    body: { Detach: false, Tty: request['Tty'] === true },
  });
  const bytes = Buffer.concat(await response.toArray());
  const { body } = await daemon.call('GET', `/exec/${Id}/json`);
  const code = (body as { ExitCode: number | null }).ExitCode ?? undefined;
  return { code, output: request['Tty'] === true ? bytes.toString() : unframed(bytes) };
}
