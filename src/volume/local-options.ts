import { parseByteSize } from '#base/byte-size';
import { invalidVolumeOption } from './errors.ts';
import { parseId, parseOctal } from './option-values.ts';

/** What mount(8) would be given for a volume that is mounted on first use. */
export interface LocalMount {
  readonly type: string;
  readonly source: string;
  /** words such as `ro`, `size=64m` */
  readonly options: readonly string[];
}

/** Owner and mode of a volume's directory. */
export interface RootAttributes {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mode: number | undefined;
}

const ROOT_OPTIONS = ['uid', 'gid', 'mode'] as const;
const KNOWN = new Set<string>(['type', 'device', 'o', 'size', ...ROOT_OPTIONS]);
/** Each option needs those beside it (Docker: `volume/local`). */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  device: ['type'],
  type: ['device'],
  o: ['device', 'type'],
};
/** The file system needs some of it for itself. */
const LEAST_LIMIT_BYTES = 1024 ** 2;
/** mount(2) takes one page. */
const MOST_BYTES = 4095;

/**
 * What the options of a local volume (`type`, `device`, `o`) ask to mount; `undefined` without any: a plain directory.
 *
 * @throws {EngineError} `invalid`, with Docker's wording where Docker has it.
 */
export function localMount(name: string, options: Readonly<Record<string, string>>): LocalMount | undefined {
  checkKnown(name, options);
  for (const [option, needed] of Object.entries(NEEDS)) {
    const missing =
      options[option] === undefined ? undefined : needed.find(other => options[other] === undefined);
    if (missing !== undefined) throw invalidVolumeOption(name, `missing required option: "${missing}"`);
  }
  const { type, device, o = '' } = options;
  if (type === undefined || device === undefined) return undefined;
  const attribute = ROOT_OPTIONS.find(option => options[option] !== undefined);
  if (attribute !== undefined) {
    throw invalidVolumeOption(
      name,
      `option "${attribute}" is for volumes that are directories: give o=${attribute}=… to file systems that take it`,
    );
  }
  const words = o.split(',').filter(word => word !== '');
  const isBind = type === 'none' || type === 'bind' || words.includes('bind') || words.includes('rbind');
  if (isBind && !device.startsWith('/')) {
    throw invalidVolumeOption(name, `device "${device}" must be an absolute path for a bind mount`);
  }
  return { type: isBind ? 'none' : type, source: device, options: words };
}

/** Owner and mode that the options ask for; `undefined` when they ask for none. @throws {EngineError} `invalid`. */
export function rootAttributes(
  name: string,
  options: Readonly<Record<string, string>>,
): RootAttributes | undefined {
  if (ROOT_OPTIONS.every(option => options[option] === undefined)) return undefined;
  const value = (option: (typeof ROOT_OPTIONS)[number], parse: (text: string) => number | undefined) => {
    const text = options[option];
    const parsed = text === undefined ? undefined : parse(text);
    if (text !== undefined && parsed === undefined) {
      throw invalidVolumeOption(name, `invalid value of option "${option}": "${text}"`);
    }
    return parsed;
  };
  return { uid: value('uid', parseId), gid: value('gid', parseId), mode: value('mode', parseOctal) };
}

/** How much a volume may have; `undefined` without a limit. @throws {EngineError} `invalid`. */
export function sizeLimit(name: string, options: Readonly<Record<string, string>>): number | undefined {
  const text = options['size'];
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw invalidVolumeOption(name, `invalid size: '${text}'`);
  if (bytes >= LEAST_LIMIT_BYTES) return bytes;
  throw invalidVolumeOption(
    name,
    `the size ${text} is too small: ${LEAST_LIMIT_BYTES / 1024 ** 2}M at least`,
  );
}

function checkKnown(name: string, options: Readonly<Record<string, string>>): void {
  for (const [option, value] of Object.entries(options)) {
    if (!KNOWN.has(option)) throw invalidVolumeOption(name, `invalid option: "${option}"`);
    if (value.includes('\0')) throw invalidVolumeOption(name, `invalid value of option "${option}"`);
    if (Buffer.byteLength(value) > MOST_BYTES) {
      throw invalidVolumeOption(name, `the value of option "${option}" is longer than ${MOST_BYTES} bytes`);
    }
  }
  if (options['size'] !== undefined && options['type'] !== undefined) {
    throw invalidVolumeOption(
      name,
      `option "size" is for volumes that are directories: give o=size=${options['size']} to file systems that take it`,
    );
  }
}
