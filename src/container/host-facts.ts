/** What the machine offers, found out once at start-up. */
export interface HostFacts {
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly kernelVersion: string;
  readonly architecture: 'amd64' | 'arm64';
  readonly cgroupVersion: 1 | 2;
  /** cgroup controllers that can limit something here */
  readonly controllers: ReadonlySet<string>;
  readonly runtimes: readonly string[];
}
