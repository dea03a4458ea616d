import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { canonicalName as asRulesKnowIt } from '#distribution/registry-rule';
import { canonicalName, type Reference } from '#spec/reference';
import { isErrno } from '#sys/sys-error';

/** What a rule wants of images whose name begins so. */
export interface TrustRule {
  /** complete: `docker.io/library`, `registry.example.com/team` */
  readonly prefix: string;
  readonly wants: 'nothing' | 'signature' | 'refusal';
  /** one of these must have signed */
  readonly keys: readonly KeyObject[];
}

const MAX_BYTES = 1024 * 1024;
/** Another beginning would be that of no complete name, and its rule would never count. */
const PREFIX =
  /^(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):\d+|\[[0-9a-f:]+\])(?:\/[a-z0-9._-]+)*$/;

const Rule = v.strictObject({
  prefix: v.pipe(
    v.string(),
    v.transform(prefix => asRulesKnowIt(prefix.replace(/\/+$/, ''))),
    v.check(
      isPrefix,
      'must begin with a registry, and have no tag: docker.io/library, registry.example.com/team',
    ),
  ),
  require: v.picklist(['nothing', 'signature', 'refusal']),
  /** PEM, or the path of a file with one */
  keys: v.optional(v.array(v.string()), []),
});
const PolicyFile = v.strictObject({ rules: v.pipe(v.array(Rule), v.maxLength(1000)) });

/**
 * Which images must be signed, by the beginning of their names: the longest rule counts, and where there is none, nothing is
 * asked. The file is looked at whenever a rule is needed. One that is wrong refuses everything: it may have said what is refused.
 */
export class TrustPolicy {
  readonly #path: string | undefined;
  readonly #isNamed: boolean;
  #version = '';
  /** files with keys that the rules name: one that is replaced counts at once, too */
  #keyFiles: readonly string[] = [];
  #rules: readonly TrustRule[] = [];
  #problem: EngineError | undefined;

  /** @param options.isNamed somebody has said that there is such a file: that it is not there is wrong, too */
  constructor({ path, isNamed = false }: { readonly path?: string; readonly isNamed?: boolean } = {}) {
    this.#path = path;
    this.#isNamed = isNamed;
  }

  /** @throws {EngineError} `forbidden` while the file is wrong. */
  ruleFor(reference: Reference): TrustRule | undefined {
    const name = asRulesKnowIt(canonicalName(reference)); // nobody gets around a rule by another spelling
    return this.#current().find(({ prefix }) => isBelow(name, prefix));
  }

  /** What counts for an image that has no name: the rule for all. @throws {EngineError} `forbidden` while the file is wrong. */
  ruleForNameless(): TrustRule | undefined {
    return this.#current().find(({ prefix }) => prefix === '');
  }

  #current(): readonly TrustRule[] {
    if (this.#path === undefined) return [];
    const version = this.#versionNow(this.#path);
    if (version === '' && this.#isNamed) throw missing(this.#path);
    if (version !== this.#version) this.#read(this.#path, version);
    if (this.#problem) throw this.#problem;
    return this.#rules;
  }

  #versionNow(path: string): string {
    const own = versionOf(path);
    return own === '' ? '' : [own, ...this.#keyFiles.map(versionOf)].join(' ');
  }

  #read(path: string, version: string): void {
    this.#version = version;
    this.#problem = undefined;
    this.#rules = [];
    this.#keyFiles = [];
    if (version === '') return;
    try {
      const file = readRules(path);
      this.#keyFiles = file.flatMap(({ keys }) => keys.filter(key => !isPem(key)));
      this.#version = this.#versionNow(path);
      this.#rules = file.map(ruleOf).toSorted((one, other) => other.prefix.length - one.prefix.length);
    } catch (error) {
      this.#problem = new EngineError(
        'forbidden',
        `no image is trusted while the trust policy in "${path}" is wrong: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

function missing(path: string): EngineError {
  return new EngineError(
    'forbidden',
    `no image is trusted while there is no trust policy in "${path}", which the engine's configuration names`,
  );
}

type RuleInFile = v.InferOutput<typeof Rule>;

function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.ino}:${stat.size}:${stat.mtimeNs}` : '';
}

function readRules(path: string): RuleInFile[] {
  const parsed = v.safeParse(PolicyFile, JSON.parse(readBounded(path)));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new EngineError('invalid', `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`);
  }
  const { rules } = parsed.output;
  const twice = rules.find(({ prefix }, place) => rules.findIndex(rule => rule.prefix === prefix) !== place);
  if (twice) throw new EngineError('invalid', `there are two rules for "${twice.prefix}"`);
  return rules;
}

function ruleOf({ prefix, require, keys }: RuleInFile): TrustRule {
  if (require === 'signature' && keys.length === 0) {
    throw new EngineError('invalid', `the rule for "${prefix}" requires a signature and names no keys`);
  }
  return { prefix, wants: require, keys: keys.map(readKey) };
}

function isPrefix(prefix: string): boolean {
  return prefix === '' || PREFIX.test(prefix);
}

function isPem(key: string): boolean {
  return key.includes('-----BEGIN');
}

function readKey(key: string): KeyObject {
  const pem = isPem(key) ? key : readBounded(key);
  const parsed = createPublicKey(pem);
  const { asymmetricKeyType: type } = parsed;
  const isKnown =
    type === 'ed25519' || (type === 'ec' && parsed.asymmetricKeyDetails?.namedCurve === 'prime256v1');
  if (!isKnown) throw new EngineError('invalid', `a key is of the type ${type}: use ECDSA P-256 or Ed25519`);
  return parsed;
}

function readBounded(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > MAX_BYTES)
      throw new EngineError('invalid', `"${path}" is larger than ${MAX_BYTES} bytes`);
    return text;
  } catch (error) {
    if (isErrno(error, 'ENOENT'))
      throw new EngineError('invalid', `there is no file "${path}"`, { cause: error });
    throw error;
  }
}

/** At a border between parts of a name: `team` is not the beginning of `teamwork`. */
function isBelow(name: string, prefix: string): boolean {
  return prefix === '' || name === prefix || name.startsWith(`${prefix}/`);
}
