import { EngineError } from '#base/errors';

/** Settings that belong to an IPC name space (ipc_namespaces(7)). */
const IPC_SYSCTLS = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);
const UTS_SYSCTLS = new Set(['kernel.domainname', 'kernel.hostname']);

export interface SysctlScope {
  readonly hasNetwork: boolean;
  readonly hasIpc: boolean;
  readonly hasUts: boolean;
}

/**
 * Lets only settings of the container's name spaces through: any other would change the host.
 *
 * @throws {EngineError} `invalid` that names the setting.
 */
export function checkSysctls(sysctls: Readonly<Record<string, string>>, scope: SysctlScope): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const reason = refusal(name, scope);
    if (reason !== undefined) throw new EngineError('invalid', `sysctl '${name}=${value}' ${reason}`);
  }
}

function refusal(name: string, scope: SysctlScope): string | undefined {
  if (!/^[\w.*/-]+$/.test(name) || name.includes('..') || name.startsWith('/')) return 'is not allowed';
  const dotted = name.replaceAll('/', '.');
  if (dotted.startsWith('net.')) {
    return scope.hasNetwork ? undefined : 'is not allowed in host network mode';
  }
  if (IPC_SYSCTLS.has(dotted) || dotted.startsWith('fs.mqueue.')) {
    return scope.hasIpc ? undefined : 'is not allowed in host ipc mode';
  }
  if (UTS_SYSCTLS.has(dotted)) return scope.hasUts ? undefined : 'is not allowed in host uts mode';
  return 'is not allowed';
}
