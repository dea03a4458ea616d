import { parseByteSize } from '#base/byte-size';
import { nearest } from '#base/spelling';
import { badInstruction } from './dockerfile-error.ts';
import type { RunMount, RunMountType, Word } from './instructions.ts';

/** What `RUN --mount` asks for, with its variables replaced and its defaults in. Targets may be relative to the working directory. */
export type ResolvedRunMount = BindRunMount | CacheRunMount | TmpfsRunMount | SecretRunMount;

export interface BindRunMount {
  readonly type: 'bind';
  /** a stage, a named context or an image; absent: the build context */
  readonly from?: string;
  readonly source: string;
  readonly target: string;
  /** what is written is thrown away after the step */
  readonly isWritable: boolean;
}

interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface CacheRunMount extends Owned {
  readonly type: 'cache';
  readonly id: string;
  /** what it holds at first; absent: nothing */
  readonly from?: string;
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly sharing: 'shared' | 'private' | 'locked';
}

export interface TmpfsRunMount {
  readonly type: 'tmpfs';
  readonly target: string;
  readonly sizeBytes?: number;
}

export interface SecretRunMount extends Owned {
  readonly type: 'secret' | 'ssh';
  readonly id: string;
  /** absent: no file for a secret, a place of the builder's choice for an agent */
  readonly target?: string;
  /** variable that holds the secret; absent: none */
  readonly env?: string;
  readonly isRequired: boolean;
}

/** What each type takes, by the one name we keep. */
const KEYS: Readonly<Record<RunMountType, readonly string[]>> = {
  bind: ['from', 'source', 'target', 'readwrite', 'readonly'],
  cache: ['id', 'from', 'source', 'target', 'readonly', 'readwrite', 'sharing', 'mode', 'uid', 'gid'],
  tmpfs: ['target', 'size', 'readwrite', 'readonly'],
  secret: ['id', 'source', 'target', 'env', 'required', 'mode', 'uid', 'gid', 'readonly'],
  ssh: ['id', 'target', 'required', 'mode', 'uid', 'gid', 'readonly'],
};

const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};
const ALONE = new Set(['readonly', 'readwrite', 'required']);
const SHARINGS = ['shared', 'private', 'locked'] as const;

/**
 * `type=cache,target=/x,…`.
 *
 * @throws {EngineError} `invalid`, also for a wrong value that no variable is in.
 */
export function parseRunMount(text: string): RunMount {
  const given: [key: string, value: string, field: string][] = csvFields(text).map(field => {
    const equals = field.indexOf('=');
    const name = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    const key = (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined) ?? name;
    if (equals < 0 && !ALONE.has(key))
      throw badInstruction(`invalid field '${field}' must be a key=value pair`);
    return [key, equals < 0 ? 'true' : field.slice(equals + 1), field];
  });
  const type = mountType(given.findLast(([key]) => key === 'type')?.[1] ?? 'bind');
  const fields: Record<string, Word> = {};
  for (const [key, value, field] of given) {
    if (key === 'type') continue;
    if (!KEYS[type].includes(key)) throw unexpectedKey(type, key, field);
    if (key === 'from' && /\$./.test(value))
      throw badInstruction("'from' doesn't support variable expansion, define alias stage instead");
    fields[key] = value;
  }
  const mount: RunMount = { type, fields };
  if (!Object.values(fields).some(value => value.includes('$'))) resolveRunMount(mount, word => word);
  return mount;
}

/** @throws {EngineError} `invalid`, for a value that cannot be. */
export function resolveRunMount(mount: RunMount, expand: (word: Word) => string): ResolvedRunMount {
  const values = new Fields(mount, expand);
  switch (mount.type) {
    case 'bind':
      return {
        type: 'bind',
        ...values.optional('from'),
        source: values.text('source') || '/',
        target: values.text('target'),
        isWritable: values.isWritable(false),
      };
    case 'cache':
      return {
        type: 'cache',
        id: values.text('id') || values.text('target'),
        ...values.optional('from'),
        source: values.text('source') || '/',
        target: values.text('target'),
        isReadOnly: !values.isWritable(true),
        sharing: sharingOf(values.text('sharing')),
        ...values.owner(0o755),
      };
    case 'tmpfs':
      return { type: 'tmpfs', target: values.text('target'), ...values.size() };
    case 'secret':
      return secret(values);
    case 'ssh':
      return {
        type: 'ssh',
        id: values.text('id') || 'default',
        ...values.optional('target'),
        isRequired: values.boolean('required'),
        ...values.owner(0o600),
      };
    default:
      return mount.type satisfies never;
  }
}

function secret(values: Fields): SecretRunMount {
  const { source, target, env, id } = {
    source: values.text('source'),
    target: values.text('target'),
    env: values.text('env'),
    id: values.text('id'),
  };
  if (source !== '' && id !== '') throw badInstruction("both source and id can't be set");
  const name = id || source || target.slice(target.lastIndexOf('/') + 1) || env;
  if (name === '') throw badInstruction('invalid secret mount. one of source, target required');
  const file = target || (env === '' ? `/run/secrets/${name.slice(name.lastIndexOf('/') + 1)}` : '');
  return {
    type: 'secret',
    id: name,
    ...(file !== '' && { target: file }),
    ...(env !== '' && { env }),
    isRequired: values.boolean('required'),
    ...values.owner(0o400),
  };
}

class Fields {
  readonly #mount: RunMount;
  readonly #expand: (word: Word) => string;

  constructor(mount: RunMount, expand: (word: Word) => string) {
    this.#mount = mount;
    this.#expand = expand;
  }

  text(key: string): string {
    const word = this.#mount.fields[key];
    return word === undefined ? '' : this.#expand(word);
  }

  optional<K extends string>(key: K): Partial<Record<K, string>> {
    const value = this.text(key);
    const entry: Partial<Record<string, string>> = value === '' ? {} : { [key]: value };
    return entry;
  }

  boolean(key: string): boolean {
    const value = this.text(key);
    if (/^(?:1|t|true)$/i.test(value)) return true;
    if (value === '' || /^(?:0|f|false)$/i.test(value)) return false;
    throw badInstruction(`invalid value for ${key}: ${value}`);
  }

  isWritable(byDefault: boolean): boolean {
    if (this.#mount.fields['readwrite'] !== undefined) return this.boolean('readwrite');
    return this.#mount.fields['readonly'] === undefined ? byDefault : !this.boolean('readonly');
  }

  owner(mode: number): Owned {
    return {
      mode: this.#number('mode', 8, mode),
      uid: this.#number('uid', 10, 0),
      gid: this.#number('gid', 10, 0),
    };
  }

  size(): { readonly sizeBytes?: number } {
    const value = this.text('size');
    if (value === '') return {};
    const sizeBytes = parseByteSize(value);
    if (sizeBytes === undefined) throw badInstruction(`invalid value for size: ${value}`);
    return { sizeBytes };
  }

  #number(key: string, base: 8 | 10, byDefault: number): number {
    const value = this.text(key);
    if (value === '') return byDefault;
    const number = (base === 8 ? /^[0-7]{1,11}$/ : /^[0-9]{1,10}$/).test(value)
      ? Number.parseInt(value, base)
      : Number.NaN;
    if (!(number <= 0xffff_ffff)) throw badInstruction(`invalid value ${value} for ${key}`);
    return number;
  }
}

function sharingOf(value: string): CacheRunMount['sharing'] {
  if (value === '') return 'shared';
  const found = SHARINGS.find(name => name === value.toLowerCase());
  if (found === undefined)
    throw badInstruction(
      `unsupported sharing value ${JSON.stringify(value)}: there are ${SHARINGS.join(', ')}`,
    );
  return found;
}

function mountType(value: string): RunMountType {
  const name = value.toLowerCase();
  if (isMountType(name)) return name;
  const meant = nearest(name, Object.keys(KEYS));
  const hint = meant === undefined ? `there are ${Object.keys(KEYS).join(', ')}` : `did you mean ${meant}?`;
  throw badInstruction(`unsupported mount type ${JSON.stringify(value)} (${hint})`);
}

function isMountType(name: string): name is RunMountType {
  return Object.hasOwn(KEYS, name);
}

function unexpectedKey(type: RunMountType, key: string, field: string): Error {
  const meant = nearest(key, [...KEYS[type], 'type']);
  if (Object.values(KEYS).some(keys => keys.includes(key)))
    return badInstruction(`unexpected key '${key}' for mount type '${type}'`);
  const hint = meant === undefined ? `it takes ${KEYS[type].join(', ')}` : `did you mean ${meant}?`;
  return badInstruction(`unexpected key '${key}' in '${field}' (${hint})`);
}

/** Fields between commas; one in double quotes may hold commas. */
function csvFields(text: string): string[] {
  const fields: string[] = [];
  let rest = text;
  while (rest !== '') {
    const [whole = '', quoted] = /^"((?:[^"]|"")*)"(?:,|$)/.exec(rest) ?? /^[^,]*(?:,|$)/.exec(rest) ?? [];
    fields.push(quoted === undefined ? whole.replace(/,$/, '') : quoted.replaceAll('""', '"'));
    rest = rest.slice(whole.length);
    if (fields.length > MOST_FIELDS) throw badInstruction(`a mount with more than ${MOST_FIELDS} fields`);
  }
  return fields.filter(field => field !== '');
}

const MOST_FIELDS = 100;
