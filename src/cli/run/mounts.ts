import { readBool, readBytes } from '../flag-values.ts';
import type { CreateBody } from './create-body.ts';
import { csvFields, cutPair } from './csv.ts';
import { invalidOption } from './invalid-option.ts';
import type { LocalFiles } from './local-files.ts';

type Defined<T> = NonNullable<T>;
export type MountBody = Defined<Defined<Defined<CreateBody['HostConfig']>['Mounts']>[number]>;
type Bind = Defined<MountBody['BindOptions']>;
type Volume = Defined<MountBody['VolumeOptions']>;
type Tmpfs = Defined<MountBody['TmpfsOptions']>;

/** `--mount type=bind,source=/a,target=/b,readonly`. */
export function readMounts(list: readonly string[], files: Pick<LocalFiles, 'resolve'>): MountBody[] {
  return list.map(text => {
    try {
      return parseMount(text, files);
    } catch (error) {
      if (error instanceof RangeError) throw invalidOption('mount', text, error.message);
      throw error;
    }
  });
}

interface Draft {
  type: string;
  source: string;
  target: string;
  readOnly: boolean;
  consistency: string;
  bind: Bind;
  volume: Volume;
  tmpfs: Tmpfs;
  imageSubpath: string;
}

function parseMount(text: string, files: Pick<LocalFiles, 'resolve'>): MountBody {
  const draft: Draft = {
    type: 'volume',
    source: '',
    target: '',
    readOnly: false,
    consistency: '',
    bind: {},
    volume: {},
    tmpfs: {},
    imageSubpath: '',
  };
  for (const field of csvFields(text)) {
    const { key, value } = cutPair(field);
    const name = key.toLowerCase();
    const set = Object.hasOwn(SETTERS, name) ? SETTERS[name] : undefined;
    if (value === undefined && !FLAGS.includes(name)) {
      throw new RangeError(`invalid field '${field}' must be a key=value pair`);
    }
    if (!set) throw new RangeError(`unexpected key '${key}' in '${field}'`);
    set(draft, value ?? 'true', name);
  }
  checkDraft(draft);
  return mountBody(draft, files);
}

/** Keys that may stand without value. */
const FLAGS = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive'];

type Setter = (draft: Draft, value: string, key: string) => void;

const setSource: Setter = (draft, value) => {
  draft.source = value;
};
const setTarget: Setter = (draft, value) => {
  draft.target = value;
};
const setReadOnly: Setter = (draft, value, key) => {
  draft.readOnly = boolOf(key, value);
};

const SETTERS: Readonly<Record<string, Setter>> = {
  type: (draft, value) => {
    draft.type = value.toLowerCase();
  },
  source: setSource,
  src: setSource,
  target: setTarget,
  dst: setTarget,
  destination: setTarget,
  readonly: setReadOnly,
  ro: setReadOnly,
  consistency: (draft, value) => {
    draft.consistency = value.toLowerCase();
  },
  'bind-propagation': (draft, value) => {
    draft.bind.Propagation = value.toLowerCase();
  },
  'bind-nonrecursive': (draft, value, key) => {
    draft.bind.NonRecursive = boolOf(key, value);
  },
  'bind-recursive': setRecursive,
  'volume-subpath': (draft, value) => {
    draft.volume.Subpath = value;
  },
  'volume-nocopy': (draft, value, key) => {
    draft.volume.NoCopy = boolOf(key, value);
  },
  'volume-label': (draft, value) => {
    draft.volume.Labels = { ...draft.volume.Labels, ...pair(value) };
  },
  'volume-driver': (draft, value) => {
    draft.volume.DriverConfig = { ...draft.volume.DriverConfig, Name: value };
  },
  'volume-opt': (draft, value) => {
    const before = draft.volume.DriverConfig;
    draft.volume.DriverConfig = { ...before, Options: { ...before?.Options, ...pair(value) } };
  },
  'image-subpath': (draft, value) => {
    draft.imageSubpath = value;
  },
  'tmpfs-size': (draft, value, key) => {
    try {
      draft.tmpfs.SizeBytes = readBytes(value);
    } catch {
      throw new RangeError(`invalid value for ${key}: ${value}`);
    }
  },
  'tmpfs-mode': (draft, value, key) => {
    if (!/^[0-7]+$/.test(value)) throw new RangeError(`invalid value for ${key}: ${value}`);
    draft.tmpfs.Mode = Number.parseInt(value, 8);
  },
};

function setRecursive(draft: Draft, value: string, key: string): void {
  switch (value) {
    case 'enabled':
      return;
    case 'disabled':
      draft.bind.NonRecursive = true;
      return;
    case 'writable':
      draft.bind.ReadOnlyNonRecursive = true;
      return;
    case 'readonly':
      draft.bind.ReadOnlyForceRecursive = true;
      return;
    default:
      throw new RangeError(
        `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
  }
}

function checkDraft({ type, target, readOnly, bind, volume, tmpfs, imageSubpath }: Draft): void {
  if (!type) throw new RangeError('type is required');
  if (!target) throw new RangeError('target is required');
  const mixes: readonly (readonly [string, boolean])[] = [
    ['bind', Object.keys(bind).length > 0],
    ['volume', Object.keys(volume).length > 0],
    ['image', imageSubpath !== ''],
    ['tmpfs', Object.keys(tmpfs).length > 0],
  ];
  const wrong = mixes.find(([kind, isGiven]) => isGiven && kind !== type);
  if (wrong) throw new RangeError(`cannot mix '${wrong[0]}-*' options with mount type '${type}'`);
  const needs = (option: string, other: string): never => {
    throw new RangeError(`option '${option}' requires '${other}' to be specified in conjunction`);
  };
  if (bind.ReadOnlyNonRecursive && !readOnly) needs('bind-recursive=writable', 'readonly');
  if (bind.ReadOnlyForceRecursive && !readOnly) needs('bind-recursive=readonly', 'readonly');
  if (bind.ReadOnlyForceRecursive && bind.Propagation !== 'rprivate') {
    needs('bind-recursive=readonly', 'bind-propagation=rprivate');
  }
}

function mountBody(draft: Draft, files: Pick<LocalFiles, 'resolve'>): MountBody {
  const { source } = draft;
  const isRelative = source === '.' || source.startsWith('./');
  return {
    Type: draft.type,
    ...(source ? { Source: isRelative ? files.resolve(source) : source } : {}),
    Target: draft.target,
    ...(draft.readOnly ? { ReadOnly: true } : {}),
    ...(draft.consistency ? { Consistency: draft.consistency } : {}),
    ...(hasKeys(draft.bind) ? { BindOptions: draft.bind } : {}),
    ...(hasKeys(draft.volume) ? { VolumeOptions: draft.volume } : {}),
    ...(hasKeys(draft.tmpfs) ? { TmpfsOptions: draft.tmpfs } : {}),
    ...(draft.imageSubpath ? { ImageOptions: { Subpath: draft.imageSubpath } } : {}),
  };
}

function hasKeys(object: object): boolean {
  return Object.keys(object).length > 0;
}

function pair(text: string): Record<string, string> {
  const { key, value } = cutPair(text);
  return { [key]: value ?? '' };
}

function boolOf(key: string, value: string): boolean {
  try {
    return readBool(value);
  } catch {
    throw new RangeError(`invalid value for ${key}: ${value}`);
  }
}
