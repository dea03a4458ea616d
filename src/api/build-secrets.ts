import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { readWhole } from '#http/read-whole';
import { mapOf } from '#spec/docker/lenient';

/** As BuildKit has it. */
const MAX_SECRET_BYTES = 500 * 1024;
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Sent, and not yet used by a build. */
const MOST_WAITING = 100;
const WAIT_MS = 60_000;

const Body = mapOf(v.pipe(v.string(), v.base64()));

/**
 * Secrets that a client sends ahead of its build, as they have no place in a URL or in the context. Each set is for one build,
 * is only ever in memory, and forgotten when no build asks for it soon.
 */
export class BuildSecrets {
  readonly #waiting = new Map<string, ReadonlyMap<string, Buffer>>();

  /** JSON: the identifier of each secret, and its value in base64. @returns what the build asks for them by. */
  async receive(body: Readable): Promise<string> {
    const tooLarge = (): Error => new EngineError('invalid', 'the secrets of a build are too large');
    const bytes = await readWhole(body, { maxBytes: MAX_BODY_BYTES, tooLarge });
    const secrets = parse(bytes);
    if (this.#waiting.size >= MOST_WAITING)
      throw new EngineError('unavailable', 'too many builds wait for their secrets; try again');
    const id = randomBytes(16).toString('hex');
    this.#waiting.set(id, secrets);
    setTimeout(() => this.#waiting.delete(id), WAIT_MS).unref();
    return id;
  }

  /** @throws {EngineError} `notFound`. */
  take(id: string): ReadonlyMap<string, Buffer> {
    const secrets = this.#waiting.get(id);
    if (!secrets)
      throw new EngineError('notFound', 'the secrets of this build are not here; send them again');
    this.#waiting.delete(id);
    return secrets;
  }
}

function parse(bytes: Buffer): ReadonlyMap<string, Buffer> {
  let entries: readonly (readonly [string, string])[];
  try {
    entries = Object.entries(v.parse(Body, JSON.parse(bytes.toString('utf8'))));
  } catch {
    // Never what was wrong: it is a secret.
    throw new EngineError('invalid', 'the secrets are not an object of base64 texts');
  }
  const secrets = new Map(entries.map(([id, text]) => [id, Buffer.from(text, 'base64')]));
  for (const [id, value] of secrets) {
    if (value.length > MAX_SECRET_BYTES)
      throw new EngineError('invalid', `secret ${id} is larger than ${MAX_SECRET_BYTES} bytes`);
  }
  return secrets;
}
