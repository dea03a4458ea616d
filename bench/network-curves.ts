import { NETWORK_IMAGE } from './network-fixture.ts';
import { summarize } from './statistics.ts';
import { docker, type Target } from './target.ts';

/** How something gets slower, or does not, the more there is of it. */
export interface Curve {
  readonly name: string;
  readonly unit: 'ms' | '/s';
  /** engine → how many there were → median of some */
  readonly engines: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

const PORTS_EACH = 32;
const STEPS = [1, 10, 50, 100, 200, 400, 700, 1000];
/** A point of a curve is the median of as many. */
const WINDOW = 5;

/** Starts containers with 32 published ports each, one after the other, and all engines by turns. */
export async function portsCurve(targets: readonly Target[], most: number): Promise<Curve> {
  const name = `run -d with ${PORTS_EACH} ports, by how many such containers run`;
  const take = (on: Target, count: number): Promise<number> => {
    const settings = [
      '--name',
      `quai-bench-${on.name}-${count}`,
      '--stop-timeout',
      '0',
      '--entrypoint',
      'busybox',
    ];
    const ports = ['-p', `1000-${1000 + PORTS_EACH - 1}`];
    return docker(on, ['run', '-d', ...settings, ...ports, NETWORK_IMAGE, 'sleep', '10000']);
  };
  const figures = await climb(name, { targets, most, take });
  for (const on of targets)
    for (let count = most; count > 0; count -= 1) await removeContainer(on, `-${count}`);
  return { name, unit: 'ms', engines: new Map([...figures].map(([on, times]) => [on, points(times)])) };
}

export function curveTable({ name, unit, engines }: Curve): string {
  const counts = [...new Set([...engines.values()].flatMap(each => [...each.keys()]))].sort((a, b) => a - b);
  const lines = [...engines].map(([engine, each]) => {
    const cells = counts.map(count => (each.get(count)?.toFixed(unit === 'ms' ? 1 : 0) ?? '-').padStart(8));
    return `  ${engine.padEnd(10)}${cells.join('')}`;
  });
  return [
    `${name} (${unit})`,
    `  ${''.padEnd(10)}${counts.map(count => String(count).padStart(8)).join('')}`,
    ...lines,
  ].join('\n');
}

/** One more for each engine by turns, up to `most`; an engine that fails stops where it is. */
async function climb(
  name: string,
  {
    targets,
    most,
    take,
  }: {
    readonly targets: readonly Target[];
    readonly most: number;
    readonly take: (on: Target, count: number) => Promise<number>;
  },
): Promise<ReadonlyMap<string, number[]>> {
  process.stderr.write(`${name} …\n`);
  const times = new Map(targets.map(on => [on.name, [] as number[]]));
  const stopped = new Set<Target>();
  for (let count = 1; count <= most; count += 1) {
    for (const on of targets) {
      if (stopped.has(on)) continue;
      try {
        times.get(on.name)?.push(await take(on, count));
      } catch (error) {
        stopped.add(on);
        process.stderr.write(
          `  ${on.name} at ${count}: ${error instanceof Error ? error.message : String(error)}\n`,
        );
      }
    }
  }
  return times;
}

function points(times: readonly number[]): ReadonlyMap<number, number> {
  const counts = [
    ...STEPS.filter(count => count < times.length),
    ...(times.length > 0 ? [times.length] : []),
  ];
  return new Map(
    counts.map(count => [count, summarize(times.slice(Math.max(0, count - WINDOW), count)).median]),
  );
}

async function removeContainer(on: Target, suffix: string): Promise<void> {
  const query = { force: true, v: true };
  await on.client
    .call('DELETE', `/containers/quai-bench-${on.name}${suffix}`, { query })
    .catch(() => undefined);
}
