import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { canonicalName, parseName, type Reference } from '#spec/reference';
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

const Rule = v.strictObject({
  prefix: v.pipe(v.string(), v.regex(/^[A-Za-z0-9._:/[\]-]*$/, 'must be the beginning of a name')),
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
  #version = '';
  #rules: readonly TrustRule[] = [];
  #problem: EngineError | undefined;

  constructor({ path }: { readonly path?: string } = {}) {
    this.#path = path;
  }

  /** @throws {EngineError} `forbidden` while the file is wrong. */
  ruleFor(reference: Reference): TrustRule | undefined {
    const name = canonicalName(reference);
    return this.#current().find(({ prefix }) => isBelow(name, prefix));
  }

  #current(): readonly TrustRule[] {
    if (this.#path === undefined) return [];
    const stat = statSync(this.#path, { throwIfNoEntry: false, bigint: true });
    const version = stat ? `${stat.ino}:${stat.size}:${stat.mtimeNs}` : '';
    if (version !== this.#version) this.#read(this.#path, version);
    if (this.#problem) throw this.#problem;
    return this.#rules;
  }

  #read(path: string, version: string): void {
    this.#version = version;
    this.#problem = undefined;
    this.#rules = [];
    if (version === '') return;
    try {
      this.#rules = readRules(path);
    } catch (error) {
      this.#problem = new EngineError(
        'forbidden',
        `no image is trusted while the trust policy in "${path}" is wrong: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

function readRules(path: string): TrustRule[] {
  const parsed = v.safeParse(PolicyFile, JSON.parse(readBounded(path)));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new EngineError('invalid', `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`);
  }
  return parsed.output.rules
    .map(rule => {
      if (rule.require === 'signature' && rule.keys.length === 0) {
        throw new EngineError(
          'invalid',
          `the rule for "${rule.prefix}" requires a signature and names no keys`,
        );
      }
      return { prefix: rule.prefix.replace(/\/+$/, ''), wants: rule.require, keys: rule.keys.map(readKey) };
    })
    .toSorted((one, other) => other.prefix.length - one.prefix.length);
}

function readKey(key: string): KeyObject {
  const pem = key.includes('-----BEGIN') ? key : readBounded(key);
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

/** Names whose rule counts, for an image that goes by all of them. */
export function rulesFor(policy: TrustPolicy, names: readonly string[]): [Reference, TrustRule][] {
  return names.map(parseName).flatMap(reference => {
    const rule = policy.ruleFor(reference);
    return rule && rule.wants !== 'nothing' ? [[reference, rule] as [Reference, TrustRule]] : [];
  });
}
