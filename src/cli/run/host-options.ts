import { isIP } from 'node:net';
import { CliError } from '../cli-error.ts';
import type { CreateOptions } from './create-flags.ts';
import { pairs } from './env-files.ts';
import { invalidOption } from './invalid-option.ts';

/** The options that go to `HostConfig` much as they are. */
export function readHostOptions(flags: CreateOptions) {
  const restart = readRestart(flags.restart);
  if (flags.rm && restart && restart.Name !== 'no' && restart.Name !== '') {
    throw new CliError('conflicting options: cannot specify both --restart and --rm', 125);
  }
  return {
    ContainerIDFile: flags.cidfile,
    LogConfig: logConfig(flags),
    RestartPolicy: restart,
    AutoRemove: flags.rm,
    VolumeDriver: flags['volume-driver'],
    VolumesFrom: flags['volumes-from'],
    Annotations: pairs(flags.annotation),
    CapAdd: capabilities(flags['cap-add']),
    CapDrop: capabilities(flags['cap-drop']),
    CgroupnsMode: oneOf(flags.cgroupns, /^(host|private)?$/, '--cgroupns: invalid CGROUP mode'),
    Dns: flags.dns.map(dnsAddress),
    DnsOptions: [...flags['dns-option'], ...flags['dns-opt']],
    DnsSearch: flags['dns-search'],
    ExtraHosts: flags['add-host'].map(extraHost),
    GroupAdd: flags['group-add'],
    IpcMode: flags.ipc,
    OomScoreAdj: flags['oom-score-adj'],
    PidMode: oneOf(flags.pid, /^(host|container:.+)?$/, '--pid: invalid PID mode'),
    Privileged: flags.privileged,
    PublishAllPorts: flags['publish-all'],
    ReadonlyRootfs: flags['read-only'],
    StorageOpt: storageOptions(flags['storage-opt']),
    UTSMode: oneOf(flags.uts, /^(host)?$/, '--uts: invalid UTS mode'),
    UsernsMode: oneOf(flags.userns, /^(host)?$/, '--userns: invalid USER mode'),
    ShmSize: flags['shm-size'],
    Sysctls: pairs(flags.sysctl.map(sysctl)),
    Runtime: flags.runtime,
    Isolation: flags.isolation,
  };
}

/** @throws {CliError} for options of Docker that have no meaning on Linux, or that we lack. */
export function checkHostOnlyOptions(flags: CreateOptions, given: ReadonlySet<string>): void {
  if (flags['use-api-socket']) {
    throw new CliError(
      'not implemented: --use-api-socket; mount it with -v /run/quai.sock:/var/run/docker.sock',
      125,
    );
  }
  for (const name of ['cpu-count', 'cpu-percent', 'io-maxbandwidth', 'io-maxiops']) {
    if (given.has(name)) throw new CliError(`--${name} exists on Windows only`, 125);
  }
}

/** `no`, `always`, `unless-stopped`, `on-failure[:max]`; which of them exist is for the engine to say. */
export function readRestart(text: string): { Name: string; MaximumRetryCount: number } | undefined {
  if (!text) return undefined;
  const at = text.indexOf(':');
  const [Name, count] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  const bad = (reason: string): CliError => new CliError(`invalid restart policy format: ${reason}`, 125);
  if (!Name) throw bad('no policy provided before colon');
  if (count && !/^-?\d+$/.test(count)) throw bad('maximum retry count must be an integer');
  return { Name, MaximumRetryCount: Number(count || 0) };
}

/** In the kernel's spelling, each once. */
function capabilities(list: readonly string[]): string[] {
  const names = list.map(text => text.trim().toUpperCase());
  const full = names.map(name => (name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`));
  return [...new Set(full)].sort();
}

function logConfig(flags: Pick<CreateOptions, 'log-driver' | 'log-opt'>) {
  const Config = pairs(flags['log-opt']);
  const Type = flags['log-driver'];
  if (Type === 'none' && Object.keys(Config).length > 0) {
    throw new CliError('invalid logging opts for driver none', 125);
  }
  return Type || Object.keys(Config).length > 0 ? { Type, Config } : undefined;
}

function storageOptions(list: readonly string[]): Record<string, string> {
  if (list.some(text => !text.includes('='))) throw new CliError('invalid storage option', 125);
  return pairs(list);
}

function dnsAddress(text: string): string {
  const ip = text.trim();
  if (isIP(ip) !== 0) return ip;
  throw invalidOption('dns', text, `IP address is not correctly formatted: ${text}`);
}

/** `name:ip` or `name=ip`; engines take the colon. `host-gateway` stands for the host's own address. */
export function extraHost(text: string): string {
  const match = /^([^=:]+)[=:](.+)$/.exec(text);
  if (!match) throw invalidOption('add-host', text, `bad format for add-host: "${text}"`);
  const [, name = '', address = ''] = match;
  const ip = /^\[(.+)\]$/.exec(address)?.[1] ?? address;
  if (ip !== 'host-gateway' && isIP(ip) === 0) {
    throw invalidOption('add-host', text, `invalid IP address in add-host: "${address}"`);
  }
  return `${name}:${ip}`;
}

function sysctl(text: string): string {
  const name = text.split('=')[0] ?? '';
  const isKernel = /^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/.test(name);
  const isKnown = isKernel || name.startsWith('net.') || name.startsWith('fs.mqueue.');
  if (isKnown && text.includes('=')) return text;
  throw invalidOption('sysctl', text, `sysctl '${text}' is not allowed`);
}

function oneOf(text: string, allowed: RegExp, message: string): string {
  if (allowed.test(text)) return text;
  throw new CliError(message, 125);
}
