import { readFileSync } from 'node:fs';

/** `SS_CONNECTING` (linux/net.h): connected by a client, not accepted yet. */
const CONNECTING = '02';

/** Whether a client waits to be accepted by a socket of that file name, bound by any process (proc_net_unix). */
export function hasWaitingClients(name: string): boolean {
  return listsWaitingClients(readFileSync('/proc/net/unix', 'latin1'), name);
}

/** The columns are `Num RefCount Protocol Flags Type St Inode Path`; a socket not accepted has its listener's path. */
export function listsWaitingClients(table: string, name: string): boolean {
  return table.split('\n').some(line => line.endsWith(`/${name}`) && line.split(' ')[5] === CONNECTING);
}
