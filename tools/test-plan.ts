/**
 * Test files that measure the processor or the time that something takes, or look at all of the machine: no other test runs
 * beside them.
 */
export const ALONE: readonly string[] = [
  'test/attack/clients.test.ts',
  'test/attack/descriptors.test.ts',
  'test/attack/races.test.ts',
  'test/compat/docker-limits.test.ts',
  'test/compat/docker-stats.test.ts',
  'test/integration/daemon/event-loop.test.ts',
  'test/integration/daemon/priority.test.ts',
  'test/integration/network/attach-speed.test.ts',
  'test/whole-machine.test.ts',
];

/** The longest ones, longest first: one that begins late would be waited for in the end, while nothing else runs. */
export const LONGEST: readonly string[] = [
  'test/integration/container/fault-points.test.ts',
  'test/integration/packaging/systemd-unit.test.ts',
  'test/compat/docker-wordpress.test.ts',
  'test/compat/docker-mariadb.test.ts',
  'test/compat/network-mesh.test.ts',
  'test/compat/docker-cp.test.ts',
  'test/compat/distributed-volumes.test.ts',
  'test/attack/silent-servers.test.ts',
  'test/integration/volume/project-quota.test.ts',
  'test/integration/volume/nfs.test.ts',
];

export interface TestPlan {
  /** run side by side, in this order */
  readonly together: readonly string[];
  /** run one after another, after those */
  readonly alone: readonly string[];
}

/**
 * The order of test files that each run in a process of their own.
 *
 * @param isWhole all tests are run: then the last of them looks at what all the others have left on the machine
 */
export function planTests(files: readonly string[], { isWhole }: { readonly isWhole: boolean }): TestPlan {
  const wanted = isWhole ? files : files.filter(file => file !== LAST);
  return {
    together: [
      ...LONGEST.filter(file => wanted.includes(file)),
      ...wanted.filter(file => !LONGEST.includes(file) && !ALONE.includes(file)),
    ],
    alone: ALONE.filter(file => wanted.includes(file)),
  };
}

const LAST = ALONE.at(-1);
