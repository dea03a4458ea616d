import { readFileSync } from 'node:fs';
import { isErrno } from './sys-error.ts';

export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** Who makes more of them in a container wants to keep us busy. */
const MAX_INTERFACES = 128;

/** What went through the interfaces of a process's network name space, the loopback left out. None when it has ended. */
export function readInterfaceCounters(pid: number, proc = '/proc'): InterfaceCounters[] {
  let text: string;
  try {
    text = readFileSync(`${proc}/${pid}/net/dev`, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return [];
    throw error;
  }
  const lines = text.split('\n').slice(2, 2 + MAX_INTERFACES); // two lines of headings
  return lines.flatMap(line => {
    const [, name = '', rest = ''] = /^\s*(\S+):\s*(.*)$/.exec(line) ?? [];
    if (name === '' || name === 'lo') return [];
    const counts = rest.trim().split(/\s+/).map(Number);
    const at = (index: number): number => counts[index] ?? 0;
    return [
      {
        name,
        rxBytes: at(0),
        rxPackets: at(1),
        rxErrors: at(2),
        rxDropped: at(3),
        txBytes: at(8),
        txPackets: at(9),
        txErrors: at(10),
        txDropped: at(11),
      },
    ];
  });
}
