import { EngineError } from '#base/errors';

/** Capabilities of linux/capability.h, by number. */
const CAPABILITIES =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
  NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
  SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
  SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
    .split(/\s+/)
    .map(name => `CAP_${name}`);

/** What a container has unless it asks otherwise (Docker's list). */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

export interface CapabilityRequest {
  readonly CapAdd: readonly string[];
  readonly CapDrop: readonly string[];
  readonly Privileged: boolean;
}

/** The names of the capabilities whose bits are set, such as in `CapBnd` of /proc/self/status. */
export function capabilitiesOf(mask: bigint): readonly string[] {
  return CAPABILITIES.filter((_name, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/**
 * The capabilities a container gets, as Docker reads `--cap-add`, `--cap-drop` and `--privileged`.
 *
 * @param available what this kernel knows and the engine itself has
 * @throws {EngineError} `invalid` for an unknown or unavailable name.
 */
export function grantedCapabilities(
  { CapAdd, CapDrop, Privileged }: CapabilityRequest,
  available: readonly string[],
): readonly string[] {
  if (Privileged) return available;
  const dropped = normalize(CapDrop, available);
  const added = normalize(CapAdd, available);
  if (added.includes('ALL')) return available.filter(name => !dropped.includes(name));
  const kept = dropped.includes('ALL') ? [] : DEFAULT_CAPABILITIES.filter(name => !dropped.includes(name));
  return [...new Set([...kept, ...added])];
}

function normalize(names: readonly string[], available: readonly string[]): readonly string[] {
  return names.map(given => {
    const upper = given.toUpperCase();
    if (upper === 'ALL') return upper;
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (!CAPABILITIES.includes(name)) throw new EngineError('invalid', `unknown capability: "${name}"`);
    if (!available.includes(name)) {
      throw new EngineError(
        'invalid',
        `capability not supported by your kernel or not available in the current environment: "${name}"`,
      );
    }
    return name;
  });
}
