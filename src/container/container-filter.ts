import { EngineError } from '#base/errors';
import { LinearPattern } from '#base/linear-pattern';
import { invalidFilter, matchesLabels, matchesNoLabel } from '#spec/docker/filters';
import { parseTimestamp } from '#spec/docker/timestamp';
import { CONTAINER_STATUSES, type Container, type ContainerFilter, type ContainerView } from './container.ts';
import { isAlive } from './container-machine.ts';
import { containerNotFound } from './errors.ts';
import { type PortRange, parseContainerPorts, parsePortRange } from './port-spec.ts';

export interface FilterLookups {
  /** the ID of an image by any reference to it */
  resolveImage(reference: string): string | undefined;
  /** IDs of the images that were built on an image */
  descendantsOf?(imageId: string): readonly string[];
}

type Filters = ContainerFilter['filters'];
type Test = (container: ContainerView) => boolean;

const NANOS_PER_MS = 1_000_000n;
const HEALTHS: readonly string[] = ['none', 'starting', 'healthy', 'unhealthy'];

/**
 * What `docker ps` shows, newest first. Values of one filter are alternatives (labels are not: all must hold),
 * different filters must all hold.
 *
 * @throws {EngineError} `invalid` for an unknown filter or value, `notFound` for `before` and `since`.
 */
export function filterContainers<T extends ContainerView>(
  all: readonly T[],
  { all: showsAll, limit = 0, filters }: ContainerFilter,
  lookups: FilterLookups,
): T[] {
  for (const name of filters.keys()) {
    if (!Object.hasOwn(TESTS, name) && name !== 'before' && name !== 'since') throw invalidFilter(name);
  }
  const tests = Object.entries(TESTS).flatMap(([name, make]) => {
    const values = filters.get(name) ?? [];
    return values.length > 0 ? [make(values, lookups)] : [];
  });
  const isAnyStatus = showsAll || limit > 0 || (filters.get('status')?.length ?? 0) > 0;
  const matching = between(all.toSorted(newestFirst), filters).filter(
    container =>
      (isAnyStatus || isAlive(container.state.status)) && tests.every(accepts => accepts(container)),
  );
  return limit > 0 ? matching.slice(0, limit) : matching;
}

/**
 * What `docker container prune` removes: all that does not run, created before `until`, with `label`, without `label!`.
 *
 * @throws {EngineError} `invalid` for an unknown filter.
 */
export function prunable(all: readonly Container[], filters: Filters, now: number = Date.now()): Container[] {
  for (const name of filters.keys()) {
    if (!['until', 'label', 'label!'].includes(name)) throw invalidFilter(name);
  }
  const until = untilOf(filters.get('until') ?? [], now);
  return all.filter(
    ({ state, createdAt, config: { Labels } }) =>
      ['created', 'exited', 'dead'].includes(state.status) &&
      (until === undefined || createdAt < until) &&
      matchesLabels(filters, 'label', Labels) &&
      matchesNoLabel(filters, 'label!', Labels),
  );
}

const TESTS: Readonly<Record<string, (values: readonly string[], lookups: FilterLookups) => Test>> = {
  id:
    values =>
    ({ id }) =>
      values.some(value => value !== '' && id.startsWith(value)),
  name: nameTest,
  label: values => {
    const filters = new Map([['label', values]]);
    return ({ config }) => matchesLabels(filters, 'label', config.Labels);
  },
  exited: values => {
    const codes = values.map(exitCodeOf);
    return ({ state }) => hasEnded(state) && codes.includes(state.exitCode);
  },
  status: values => {
    for (const value of values) requireKnown('status', value, CONTAINER_STATUSES);
    return ({ state }) => values.includes(state.status);
  },
  health: values => {
    for (const value of values) requireKnown('health', value, HEALTHS);
    return ({ state }) => values.includes(state.health?.status ?? 'none');
  },
  ancestor: ancestorTest,
  volume:
    values =>
    ({ mounts }) =>
      mounts.some(
        ({ name, source, destination }) => values.includes(name ?? source) || values.includes(destination),
      ),
  network:
    values =>
    ({ endpoints }) =>
      endpoints.some(
        ({ networkName, networkId }) =>
          values.includes(networkName) || values.some(value => value !== '' && networkId.startsWith(value)),
      ),
  publish: values => {
    const wanted = portRanges('publish', values);
    return ({ hostConfig, ports }) =>
      Object.entries(hostConfig.PortBindings).some(
        ([port, bindings]) => bindings.length > 0 && overlaps(wanted, parseContainerPorts(port)),
      ) ||
      ports.some(({ containerPort, protocol }) =>
        overlaps(wanted, { first: containerPort, last: containerPort, protocol }),
      );
  },
  expose: values => {
    const wanted = portRanges('expose', values);
    return ({ config }) => config.ExposedPorts.some(port => overlaps(wanted, parseContainerPorts(port)));
  },
  'is-task': values => {
    for (const value of values) requireKnown('is-task', value, ['true', 'false', '1', '0']);
    return () => values.some(value => value === 'false' || value === '0'); // no cluster: no container is a task's
  },
  isolation: () => () => true, // a Windows matter; Docker ignores it on Linux, too
};

/** Matches with and without the leading slash, as Docker's names have one. A bad pattern only matches itself. */
function nameTest(values: readonly string[]): Test {
  const patterns = values.map(value => LinearPattern.parse(value));
  return ({ name }) =>
    values.some(value => value === name || value === `/${name}`) ||
    patterns.some(pattern => pattern !== undefined && (pattern.test(name) || pattern.test(`/${name}`)));
}

function ancestorTest(values: readonly string[], lookups: FilterLookups): Test {
  const ids = new Set<string>();
  for (const value of values) {
    const id = lookups.resolveImage(value);
    if (id === undefined) continue;
    ids.add(id);
    for (const descendant of lookups.descendantsOf?.(id) ?? []) ids.add(descendant);
  }
  return ({ imageId }) => imageId !== '' && ids.has(imageId);
}

/** Those created before the one and after the other. */
function between<T extends ContainerView>(sorted: readonly T[], filters: Filters): readonly T[] {
  const before = lastOf(sorted, filters.get('before') ?? []);
  const since = lastOf(sorted, filters.get('since') ?? []);
  return sorted.slice(
    before === undefined ? 0 : sorted.indexOf(before) + 1,
    since === undefined ? sorted.length : sorted.indexOf(since),
  );
}

/** As in Docker, the last value counts. */
function lastOf<T extends ContainerView>(all: readonly T[], references: readonly string[]): T | undefined {
  return references.map(reference => resolve(all, reference)).at(-1);
}

function resolve<T extends ContainerView>(all: readonly T[], reference: string): T {
  const name = reference.replace(/^\//, '');
  const exact = all.find(container => container.id === reference || container.name === name);
  if (exact) return exact;
  const matches = reference === '' ? [] : all.filter(({ id }) => id.startsWith(reference));
  const [match] = matches;
  if (match === undefined || matches.length > 1) throw containerNotFound(reference);
  return match;
}

function newestFirst(a: Container, b: Container): number {
  return b.createdAt - a.createdAt;
}

function hasEnded({ status, startedAt }: Container['state']): boolean {
  return startedAt !== undefined && (status === 'exited' || status === 'dead' || status === 'removing');
}

function exitCodeOf(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw invalidFilter(`exited=${value}`);
  return Number(value);
}

interface Ports extends PortRange {
  readonly protocol: string;
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function portRanges(filter: string, values: readonly string[]): readonly Ports[] {
  return values.map(value => {
    const [numbers = '', protocol = 'tcp'] = value.split('/');
    const range = parsePortRange(numbers);
    if (!range) throw invalidFilter(`${filter}=${value}`);
    return { ...range, protocol };
  });
}

function overlaps(wanted: readonly Ports[], { first, last, protocol }: Ports): boolean {
  return wanted.some(range => range.protocol === protocol && range.first <= last && first <= range.last);
}

function untilOf(values: readonly string[], now: number): number | undefined {
  if (values.length > 1) throw new EngineError('invalid', 'more than one until filter specified');
  const instant = parseTimestamp(values[0] ?? '', now);
  return instant === undefined ? undefined : Number(instant / NANOS_PER_MS);
}

function requireKnown(filter: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw invalidFilter(`${filter}=${value}`);
}
