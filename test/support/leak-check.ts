import { globSync, readdirSync, readFileSync } from 'node:fs';
import { decodeAttributes, type NetlinkReply, readText } from '#sys/netlink/netlink-message';
import { NETLINK_NETFILTER, NetlinkSocket } from '#sys/netlink/netlink-socket';

/** What of the host an engine can leave behind, each kind as lines a reader can act on. */
export type HostState = ReadonlyMap<LeakKind, ReadonlySet<string>>;

/** What goes on in the background, also on a busy machine, is over by then. */
const GRACE_MS = 30_000;

export type LeakKind =
  | 'mount'
  | 'link'
  | 'cgroup'
  | 'process'
  | 'nft table'
  | 'socket'
  | 'network name space';

const READERS: Readonly<Record<LeakKind, () => string[]>> = {
  mount: mounts,
  link: links,
  cgroup: cgroups,
  process: engineProcesses,
  'nft table': nftTables,
  socket: unixSockets,
  'network name space': netnsFiles,
};

export function hostState(): HostState {
  return new Map(kinds().map(kind => [kind, new Set(READERS[kind]())]));
}

/** Everything that is there now and was not before, as `kind: what`. Waits `graceMs` for background teardown. */
export async function leaksSince(before: HostState, graceMs = GRACE_MS): Promise<string[]> {
  return settle(() => difference(before, hostState()), graceMs);
}

/** What names `folder`, or any other word that only this engine uses, and is there now. */
export async function leaksNaming(words: readonly string[], graceMs = GRACE_MS): Promise<string[]> {
  const nothing: HostState = new Map();
  return settle(
    () => difference(nothing, hostState()).filter(leak => words.some(word => leak.includes(word))),
    graceMs,
  );
}

/** Waits until nothing is found any more, at most `graceMs`. @returns what is still found */
export async function settle(find: () => string[], graceMs = GRACE_MS): Promise<string[]> {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const leaks = find();
    if (leaks.length === 0 || Date.now() > deadline) return leaks;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

function difference(before: HostState, after: HostState): string[] {
  return kinds().flatMap(kind =>
    [...(after.get(kind) ?? [])].filter(each => !before.get(kind)?.has(each)).map(each => `${kind}: ${each}`),
  );
}

function kinds(): LeakKind[] {
  // The keys of a record typed by LeakKind are LeakKinds.
  return Object.keys(READERS) as LeakKind[];
}

/** proc_pid_mountinfo(5): the fifth field is the mount point, the file-system type stands after the dash. */
export function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [before = '', after = ''] = line.split(' - ');
      return `${before.split(' ')[4]} (${after.split(' ')[0]})`;
    });
}

function links(): string[] {
  return readdirSync('/sys/class/net');
}

/** Below the folder that all engines share, in every hierarchy, v1 and v2. */
function cgroups(): string[] {
  const tops = globSync(['/sys/fs/cgroup/quai', '/sys/fs/cgroup/*/quai']);
  return tops.flatMap(foldersBelow);
}

/** By hand, because a group that vanishes meanwhile is nothing to fail about. */
function foldersBelow(top: string): string[] {
  try {
    const names = readdirSync(top, { withFileTypes: true }).filter(entry => entry.isDirectory());
    return names.flatMap(({ name }) => [`${top}/${name}`, ...foldersBelow(`${top}/${name}`)]);
  } catch {
    return [];
  }
}

const ENGINE_PROGRAMS = /(?:^|\/)(?:conmon|crun|runc)$/;

/** Supervisors and runtimes by program, others by the folder they name; threads of the kernel have no command line. */
function engineProcesses(): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      const words = commandLine(pid);
      const isEngines =
        ENGINE_PROGRAMS.test(words[0] ?? '') || words.some(word => word.includes('/quai-test-'));
      return isEngines && Number(pid) !== process.pid ? [`${pid} ${words.join(' ').slice(0, 300)}`] : [];
    });
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // ended meanwhile
  }
}

/** linux/netfilter/nfnetlink.h, nf_tables.h */
const GET_TABLES = (10 << 8) | 1;
const TABLE_NAME = 1;
const NFGENMSG_BYTES = 4;
const FAMILIES: ReadonlyMap<number, string> = new Map([
  [1, 'inet'],
  [2, 'ip'],
  [3, 'arp'],
  [5, 'netdev'],
  [7, 'bridge'],
  [10, 'ip6'],
]);

/** As `nft list tables` shows them, which takes 40 ms of a processor: this is asked for again and again. */
function nftTables(): string[] {
  const payload = Buffer.alloc(NFGENMSG_BYTES);
  try {
    using socket = new NetlinkSocket(NETLINK_NETFILTER);
    return socket.dump({ what: 'list tables', type: GET_TABLES, flags: 0, payload }).map(tableName);
  } catch {
    return []; // without root, or a kernel without nftables
  }
}

function tableName({ payload }: NetlinkReply): string {
  const name = decodeAttributes(payload, NFGENMSG_BYTES).get(TABLE_NAME);
  return `table ${FAMILIES.get(payload[0] ?? 0)} ${name ? readText(name) : ''}`;
}

/** Bound sockets by path; proc_net_unix: the path is the last of eight columns. */
function unixSockets(): string[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .slice(1)
    .flatMap(line => {
      const path = line.trim().split(/\s+/)[7];
      return path?.includes('quai') ? [path] : [];
    });
}

function netnsFiles(): string[] {
  return globSync(['/run/netns/*', '/run/quai*/netns/*']);
}

/** Whether an engine runs whose command line holds none of `folders`: then what the host has says nothing about us. */
export function isAnotherEngineRunning(folders: readonly string[]): boolean {
  return readdirSync('/proc').some(pid => {
    if (!/^\d+$/.test(pid)) return false;
    const words = commandLine(pid);
    const isEngine =
      words.some(word => word.endsWith('/src/daemon/main.ts')) || words[0]?.endsWith('dockerd');
    return isEngine && !words.some(word => folders.some(folder => word.startsWith(folder)));
  });
}
