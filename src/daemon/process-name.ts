import { writeFileSync } from 'node:fs';

/** What `ps` and `systemctl status` call this process; the arguments stay as they are. See proc_pid_comm(5). */
export function nameThisProcess(name: string): void {
  writeFileSync('/proc/self/comm', name);
}
