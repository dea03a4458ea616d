import { TemplateError, UnknownNameError } from './template-lexer.ts';

/**
 * A field that is not there. It counts as false in a condition; printing it is an error if it is named as Go names
 * fields (`.Stat`), and `<no value>` if it looks like a key of a map (`.Labels.tier`).
 */
export class Missing {
  readonly #name: string;
  readonly #known: readonly string[];

  constructor(name: string, known: readonly string[]) {
    this.#name = name;
    this.#known = known;
  }

  printed(): string {
    if (/^\p{Lu}/u.test(this.#name)) throw this.error();
    return '<no value>';
  }

  error(): UnknownNameError {
    const known = this.#known.length > 0 ? `; there are ${this.#known.join(', ')}` : '';
    const isMoved = MOVED.has(this.#name) && this.#known.includes('Networks');
    const hint = isMoved
      ? `; each network has its own: {{range .NetworkSettings.Networks}}{{.${this.#name}}}{{end}}`
      : '';
    return new UnknownNameError(`map has no entry for key "${this.#name}"${known}${hint}`);
  }
}

/** Fields of `NetworkSettings` that were for the default network only, and went with API 1.52. */
const MOVED = new Set(
  'EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen IPv6Gateway'.split(' '),
);

const LISTS = new Set(
  `Aliases Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeightDevice CapAdd
  CapDrop Cmd DNSNames DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch Entrypoint Env ExecIDs ExtraHosts
  GroupAdd Layers Links MaskedPaths Mounts OnBuild ReadonlyPaths RepoDigests RepoTags SecurityOpt Shell Ulimits
  VolumesFrom`.split(/\s+/),
);
const MAPS = new Set(
  `Annotations Containers DriverOpts ExposedPorts Labels Networks Options PortBindings Ports StorageOpt Sysctls Tmpfs
  Volumes`.split(/\s+/),
);

/** Text that engines leave out of their answers when it is empty. */
const TEXTS = new Set(
  `Author Comment DockerVersion Domainname Error Hostname MacAddress OsVersion Parent Platform StopSignal User Variant
  WorkingDir`.split(/\s+/),
);
/** Objects and numbers that are not always there. */
const POINTERS = new Set('Health Healthcheck Init SizeRootFs SizeRw StopTimeout UsageData'.split(' '));

/** What Go's types have in place of a field that an engine left out; `undefined` for a field that is not known. */
export function absentField(name: string): unknown {
  if (TEXTS.has(name)) return '';
  return LISTS.has(name) || MAPS.has(name) || POINTERS.has(name) ? typedNil(name) : undefined;
}

/** In JSON an empty list of Go is `null` like anything else that is not there; templates print it as `[]` or `map[]`. */
export function typedNil(name: string): unknown {
  if (LISTS.has(name)) return NIL_LIST;
  return MAPS.has(name) ? NIL_MAP : null;
}

const asNull = { value: () => null, enumerable: false };
const NIL_LIST: unknown = Object.defineProperty([], 'toJSON', asNull);
const NIL_MAP: unknown = Object.defineProperty({}, 'toJSON', asNull);

/** A value as Go's `%v` writes it. */
export function printed(value: unknown): string {
  if (value === null) return '<nil>';
  if (value === undefined) return '<no value>';
  if (value instanceof Missing) return value.printed();
  if (typeof value === 'string') return value;
  if (typeof value === 'object') {
    if (Array.isArray(value)) return `[${value.map(printed).join(' ')}]`;
    return `map[${entriesOf(value)
      .map(([key, item]) => `${printed(key)}:${printed(item)}`)
      .join(' ')}]`;
  }
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : '';
}

/** Go's idea of truth: empty text, lists and maps, 0, false and nil are not. */
export function isTrue(value: unknown): boolean {
  if (value instanceof Missing) return false;
  return sizeOf(value) === undefined ? Boolean(value) : sizeOf(value) !== 0;
}

/** How many characters, items or keys; `undefined` for what has no length. */
export function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null && !(value instanceof Missing))
    return Object.keys(value).length;
  return undefined;
}

/** Keys and values in the order of `range`: lists as they are, maps by key, a number as that many. */
export function entriesOf(value: unknown): [unknown, unknown][] {
  if (value === null || value === undefined || value instanceof Missing) return [];
  if (Array.isArray(value)) return value.map((item, index): [unknown, unknown] => [index, item]);
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, item]) => typeof item !== 'function')
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
  if (typeof value === 'number')
    return Array.from({ length: Math.max(value, 0) }, (_, i): [number, number] => [i, i]);
  throw new TemplateError(`range can't iterate over ${printed(value)}`);
}
