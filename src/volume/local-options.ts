import { notImplemented } from '#base/errors';
import { invalidVolumeOption } from './errors.ts';

/** What mount(8) would be given for a volume that is mounted on first use. */
export interface LocalMount {
  readonly type: string;
  readonly source: string;
  /** words such as `ro`, `size=64m` */
  readonly options: readonly string[];
}

const KNOWN = new Set(['type', 'device', 'o', 'size']);
/** Each option needs those beside it (Docker: `volume/local`). */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  device: ['type'],
  type: ['device'],
  o: ['device', 'type'],
};
const NETWORK_TYPES = new Set(['nfs', 'nfs4', 'cifs', 'smb3']);

/**
 * What the options of a local volume (`type`, `device`, `o`) ask to mount; `undefined` without any: a plain directory.
 *
 * @throws {EngineError} `invalid` with Docker's wording, `notImplemented` for network file systems.
 */
export function localMount(name: string, options: Readonly<Record<string, string>>): LocalMount | undefined {
  for (const [option, value] of Object.entries(options)) {
    if (!KNOWN.has(option)) throw invalidVolumeOption(name, `invalid option: "${option}"`);
    if (value.includes('\0')) throw invalidVolumeOption(name, `invalid value of option "${option}"`);
  }
  if (options['size'] !== undefined) {
    throw invalidVolumeOption(
      name,
      'quota size requested but no quota support: for a volume in memory use type=tmpfs, device=tmpfs, o=size=…',
    );
  }
  for (const [option, needed] of Object.entries(NEEDS)) {
    const missing =
      options[option] === undefined ? undefined : needed.find(other => options[other] === undefined);
    if (missing !== undefined) throw invalidVolumeOption(name, `missing required option: "${missing}"`);
  }
  const { type, device, o = '' } = options;
  if (type === undefined || device === undefined) return undefined;
  if (NETWORK_TYPES.has(type) || /(^|,)addr=/.test(o)) throw notImplemented(`volume of type "${type}"`);
  const words = o.split(',').filter(word => word !== '');
  const isBind = type === 'none' || words.includes('bind') || words.includes('rbind');
  if (isBind && !device.startsWith('/')) {
    throw invalidVolumeOption(name, `device "${device}" must be an absolute path for a bind mount`);
  }
  return { type: isBind ? 'none' : type, source: device, options: words };
}
