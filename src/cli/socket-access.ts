import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';

/** What decides who may use an engine's socket. */
export interface SocketFacts {
  /** of the socket; absent: it cannot be looked at */
  readonly groupId?: number;
  /** the text of `/etc/group` */
  readonly groups: string;
  readonly user: string;
}

/** Steps that let a user without root's rights in, as far as they can be told from this machine. */
export function accessSteps({ groupId, groups, user }: SocketFacts): string {
  const entries = groups.split('\n').map(line => line.split(':'));
  const own = groupId ? entries.find(entry => Number(entry[2]) === groupId) : undefined;
  if (own) {
    const [name = '', , , members = ''] = own;
    if (members.split(',').includes(user)) {
      return `${user} is a member of the group ${name} by now, but was not at login: log in again, or use: newgrp ${name}`;
    }
    return `Use sudo, or become a member of the group that owns the socket: sudo usermod -aG ${name} $USER, then log in again.`;
  }
  const join = 'sudo usermod -aG quai $USER';
  const steps = entries.some(([name]) => name === 'quai') ? join : `sudo groupadd --system quai && ${join}`;
  return `Use sudo, or become a member of the group quai: ${steps}, then restart the engine, which gives the socket to the group, and log in again.`;
}

export function socketFacts(address: string): SocketFacts {
  const path = address.replace(/^unix:\/\//, '');
  const groupId = attempt(() => statSync(path).gid);
  return {
    groups: attempt(() => readFileSync('/etc/group', 'utf8')) ?? '',
    user: attempt(() => userInfo().username) ?? '',
    ...(groupId === undefined ? {} : { groupId }),
  };
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined; // a hint says what it can
  }
}
