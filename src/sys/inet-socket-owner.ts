import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process that holds a socket. */
export interface SocketOwner {
  readonly pid: number;
  /** the process's name as `ps` shows it, at most 15 characters */
  readonly name: string;
  /** the words it was started with; none when that cannot be read */
  readonly words: readonly string[];
}

const LISTEN = '0A';

/**
 * Which process has a local port open (proc_net_tcp: the inode of the socket, then whose descriptor that is).
 * Slow, tens of milliseconds on a busy machine: for error messages only.
 *
 * @returns undefined when it is gone, or hidden from us (another mount or process name space).
 */
export async function findPortOwner(
  protocol: 'tcp' | 'udp' | 'sctp',
  port: number,
): Promise<SocketOwner | undefined> {
  if (protocol === 'sctp') return undefined;
  const inodes = new Set<string>();
  for (const table of [protocol, `${protocol}6`]) {
    for (const inode of await inodesOf(table, port)) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  return ownerOf(inodes);
}

async function inodesOf(table: string, port: number): Promise<string[]> {
  const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
  return parseSocketTable(text, port, { onlyListening: table.startsWith('tcp') });
}

/** Inodes of the sockets on a local port, from the text of `/proc/net/tcp` and its like. */
export function parseSocketTable(
  text: string,
  port: number,
  { onlyListening }: { readonly onlyListening: boolean },
): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes: string[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (!fields[1]?.endsWith(suffix)) continue;
    if (onlyListening && fields[3] !== LISTEN) continue;
    const inode = fields[9];
    if (inode && inode !== '0') inodes.push(inode);
  }
  return inodes;
}

async function ownerOf(targets: ReadonlySet<string>): Promise<SocketOwner | undefined> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const folder = `/proc/${entry}/fd`;
    for (const fd of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${fd}`).catch(() => '');
      if (!targets.has(target)) continue;
      const name = await readFile(`/proc/${entry}/comm`, 'utf8').catch(() => '');
      const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(entry), name: name.trim(), words: command.split('\0').filter(Boolean) };
    }
  }
  return undefined;
}
