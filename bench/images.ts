import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestRegistry } from '../test/support/registry.ts';
import { allAnswer, readCommand } from './command-line.ts';
import { ARCHIVE_TAG, type ImageFixture, imageFixture, type RegistryImage } from './image-fixture.ts';
import { measureRow } from './measure.ts';
import { ownMemoryOf } from './memory.ts';
import type { RowResult } from './report.ts';
import type { Row } from './rows.ts';
import { docker, type Target } from './target.ts';
import { windowImage } from './window-fixture.ts';
import { workAWhile } from './work.ts';

const USAGE = `Usage: npm run bench:images -- --engine NAME=unix:///SOCKET [--engine …] [OPTIONS]

Pull, push, load, save and removal of one image of 417 MB, against Debian's docker-registry on this machine. Engines by turns;
medians, p90, and how the first engine compares with each other one.

  --engine NAME=unix:///SOCKET   an engine; the first is compared with the others
  --pid NAME=PID[,PID…]          its processes, for the row about memory
  --root NAME=DIR[,DIR…]         where it keeps its data, for the row about the disk
  --rounds N                     runs per row (default 5)
  --rows WORD[,WORD…]            only rows whose name holds a word
  --json FILE                    the results, also there
`;

const REPOSITORY = 'quai/bench';
const WINDOWS = 'quai/windows';
const SAMPLE_MS = 50;
/** Engines give memory back when they have been idle for some time. */
const UNTIL_IDLE_MS = 30_000;

const command = readCommand(USAGE, { rounds: 5, own: ['root'] });
if (command) {
  await allAnswer(command.targets);
  const image = await imageFixture();
  await using registry = await TestRegistry.start();
  await upload(image, `http://${registry.host}/v2/${REPOSITORY}`);
  const rows = [
    ...imageRows(image, `${registry.host}/${REPOSITORY}:1`, command.pairsOf('root')),
    windowRow(registry.host),
  ];
  const results: RowResult[] = [];
  for (const row of rows.filter(command.wants)) {
    results.push(await measureRow(row, command.targets, command.rounds, { fewest: 1 }));
  }
  for (const each of command.targets) each.client.close();
  command.report(results);
}

function imageRows(image: ImageFixture, tag: string, roots: ReadonlyMap<string, string>): Row[] {
  const present = (on: Target): Promise<unknown> => docker(on, ['pull', tag]);
  const tidy = (on: Target): Promise<void> => remove(on, tag);
  const pull = async (on: Target): Promise<number> => {
    await remove(on, tag);
    settle();
    return seconds(await docker(on, ['pull', tag]));
  };
  return [
    { ...timed('pull'), measure: pull, tidy },
    {
      ...timed('pull again, up to date'),
      unit: 'ms',
      prepare: present,
      measure: on => docker(on, ['pull', tag]),
      tidy,
    },
    { ...timed('push to an empty registry'), prepare: present, measure: on => push(on, tag), tidy },
    { ...timed('save'), prepare: present, measure: on => save(on, tag), tidy },
    {
      ...timed('rmi'),
      unit: 'ms',
      measure: async on => {
        await present(on);
        settle();
        return await docker(on, ['rmi', tag]);
      },
    },
    {
      ...timed('load'),
      measure: async on => {
        await remove(on, ARCHIVE_TAG);
        settle();
        return seconds(await docker(on, ['load', '--quiet', '--input', image.archive]));
      },
      tidy: on => remove(on, ARCHIVE_TAG),
    },
    {
      ...timed('disk used by a pulled image'),
      unit: 'MB',
      share: 0.2,
      measure: on => diskUsed(on, tag, roots.get(on.name)),
      tidy,
    },
    ...memoryRows(tag, pull),
  ];
}

function memoryRows(tag: string, pull: (on: Target) => Promise<unknown>): Row[] {
  return [
    {
      ...timed('most memory of the engine while it pulls'),
      unit: 'MB',
      share: 0.4,
      measure: on => mostMemory(on, () => pull(on)),
      tidy: on => remove(on, tag),
    },
    {
      ...timed('memory after work, idle again'),
      unit: 'MB',
      share: 0.2,
      measure: async on => {
        await workAWhile(on);
        await pull(on);
        await remove(on, tag);
        await new Promise(resolve => setTimeout(resolve, UNTIL_IDLE_MS));
        return ownMemoryOf(on);
      },
    },
  ];
}

/** Layers that want much of who decompresses them, each. */
function windowRow(host: string): Row {
  const tag = `${host}/${WINDOWS}:1`;
  const folder = join(tmpdir(), `quai-bench-windows-${process.pid}`);
  let made: Promise<void> | undefined;
  const make = async (): Promise<void> => {
    try {
      await upload(windowImage(folder), `http://${host}/v2/${WINDOWS}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  return {
    ...timed('most memory of the engine, zstd with windows of 32 MiB'),
    unit: 'MB',
    prepare: () => (made ??= make()),
    measure: on => mostMemory(on, () => docker(on, ['pull', tag])),
    tidy: on => remove(on, tag),
  };
}

function timed(name: string): Omit<Row, 'measure'> {
  return { name, unit: 's', isRate: false, share: 1, isSlow: true };
}

function seconds(ms: number): number {
  return ms / 1000;
}

/** What was written before must not be paid for by who comes next. */
function settle(): void {
  execFileSync('sync');
}

/** Also as the archive calls it, under the name that Podman gives that: one name left would keep the layers. */
async function remove(on: Target, tag: string): Promise<void> {
  for (const name of new Set([tag, ARCHIVE_TAG, `localhost/${ARCHIVE_TAG}`])) {
    await docker(on, ['rmi', '--force', name]).catch((error: unknown) => {
      if (!/no such image|image not known/i.test(String(error))) throw error;
    });
  }
}

async function push(on: Target, tag: string): Promise<number> {
  await using registry = await TestRegistry.start();
  const target = `${registry.host}/${REPOSITORY}:pushed`;
  await docker(on, ['tag', tag, target]);
  try {
    settle();
    return seconds(await docker(on, ['push', target]));
  } finally {
    await docker(on, ['rmi', target]);
  }
}

async function save(on: Target, tag: string): Promise<number> {
  const file = join(tmpdir(), `quai-bench-save-${process.pid}.tar`);
  settle();
  try {
    const ms = await docker(on, ['save', '--output', file, tag]);
    if (statSync(file).size < 100_000_000)
      throw new Error(`${on.name}: what it saved is too small to be the image`);
    return seconds(ms);
  } finally {
    rmSync(file, { force: true });
  }
}

async function diskUsed(on: Target, tag: string, root: string | undefined): Promise<number> {
  if (root === undefined) throw new Error(`${on.name}: the disk it uses needs --root ${on.name}=DIR[,DIR…]`);
  await remove(on, tag);
  const before = await settledSize(root);
  await docker(on, ['pull', tag]);
  await on.client.call('POST', '/quai/images/tidy').catch(() => undefined); // what ours does by itself when it is idle
  return (await settledSize(root)) - before;
}

/** Removals may go on in the background: waits until two looks agree. */
async function settledSize(root: string): Promise<number> {
  for (let last = Number.NaN; ; ) {
    settle();
    const lines = execFileSync('du', ['-scx', '--block-size=1', ...root.split(',')], { encoding: 'utf8' });
    const size = Number.parseInt(lines.trim().split('\n').at(-1) ?? '', 10) / 1_000_000;
    if (Math.abs(size - last) < 0.1) return size;
    last = size;
    await new Promise(resolve => setTimeout(resolve, 1000));
  }
}

async function mostMemory(on: Target, work: () => Promise<unknown>): Promise<number> {
  let most = ownMemoryOf(on);
  const timer = setInterval(() => {
    most = Math.max(most, ownMemoryOf(on));
  }, SAMPLE_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most;
}

/** Puts the image into the registry without any engine's help. */
async function upload({ blobs, manifest, mediaType }: RegistryImage, base: string): Promise<void> {
  for (const { digest, file } of blobs) {
    const begun = await must(fetch(`${base}/blobs/uploads/`, { method: 'POST' }));
    const target = new URL(begun.headers.get('location') ?? '', base);
    target.searchParams.set('digest', digest);
    await must(fetch(target, { method: 'PUT', body: readFileSync(file) }));
  }
  const headers = { 'Content-Type': mediaType };
  await must(fetch(`${base}/manifests/1`, { method: 'PUT', headers, body: new Uint8Array(manifest) }));
}

async function must(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response;
}
