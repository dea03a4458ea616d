import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '#base/errors';
import { isObject, objectAt, parseJson, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import type { ConfigFolders } from './config-folder.ts';
import type { Credential } from './credential.ts';
import { holdLock } from './lock-file.ts';

/**
 * Credentials by server, in one file that only its owner's key opens:
 *
 * ```
 * OWN/credentials.json     {"version":1,"nonce":…,"tag":…,"data":…}   AES-256-GCM over JSON
 * KEYS/credentials.key     32 random bytes, mode 0600
 * ```
 *
 * The key that is used follows from the key file and the machine's ID: neither a copy of the configuration, nor of the whole
 * home folder on another machine, gives the passwords away. Whoever can run programs as this user on this machine can read them.
 */
export class EncryptedFile {
  readonly path: string;
  readonly #keyPath: string;
  readonly #machineId: () => string;

  constructor(folders: Pick<ConfigFolders, 'own' | 'keys'>, { machineId = readMachineId } = {}) {
    this.path = path.join(folders.own, 'credentials.json');
    this.#keyPath = path.join(folders.keys, 'credentials.key');
    this.#machineId = machineId;
  }

  /** @throws {CliError} when it cannot be opened with this user's key on this machine. */
  read(): Map<string, Credential> {
    const text = contentOf(this.path)?.toString();
    if (text === undefined) return new Map();
    const found = new Map<string, Credential>();
    for (const [server, entry] of Object.entries(objectAt(parseJson(this.#decrypted(text))))) {
      if (!isObject(entry)) continue;
      found.set(server, {
        username: textAt(entry, 'username'),
        ...(textAt(entry, 'password') ? { password: textAt(entry, 'password') } : {}),
        ...(textAt(entry, 'identityToken') ? { identityToken: textAt(entry, 'identityToken') } : {}),
      });
    }
    return found;
  }

  /** Sets one server's, or removes them; the file goes with its last. One process at a time does it. @throws {CliError} */
  write(server: string, credential: Credential | undefined): void {
    if (!credential && contentOf(this.path) === undefined) return;
    mkdirSync(path.dirname(this.path), { recursive: true, mode: 0o700 });
    using _lock = holdLock(`${this.path}.lock`);
    const all = this.#readOrStartAnew(credential !== undefined);
    if (credential) all.set(server, credential);
    else if (!all.delete(server)) return;
    if (all.size === 0) rmSync(this.path, { force: true });
    else writeSecret(this.path, this.#encrypted(JSON.stringify(Object.fromEntries(all))));
  }

  /** A file that cannot be opened any more is no reason against logging in again. */
  #readOrStartAnew(isLogin: boolean): Map<string, Credential> {
    try {
      return this.read();
    } catch (error) {
      if (!isLogin || !(error instanceof CliError)) throw error;
      return new Map();
    }
  }

  #encrypted(text: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key({ create: true }), nonce);
    const data = Buffer.concat([cipher.update(text), cipher.final()]);
    return `${JSON.stringify({
      version: 1,
      nonce: nonce.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
      data: data.toString('base64'),
    })}\n`;
  }

  #decrypted(text: string): string {
    try {
      const json = parseJson(text);
      const bytes = (name: string): Buffer => Buffer.from(textAt(json, name), 'base64');
      const decipher = createDecipheriv(CIPHER, this.#key({ create: false }), bytes('nonce'), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAuthTag(bytes('tag'));
      return Buffer.concat([decipher.update(bytes('data')), decipher.final()]).toString();
    } catch (cause) {
      throw new CliError(
        `cannot open the credentials in ${this.path}: they belong to another machine, or the key in ${this.#keyPath} is not theirs; run quai login again`,
        1,
        { cause },
      );
    }
  }

  #key({ create }: { readonly create: boolean }): Buffer {
    let secret = contentOf(this.#keyPath);
    if (secret?.length !== KEY_BYTES && create) secret = this.#newKey(secret);
    if (secret?.length !== KEY_BYTES) throw new CliError(`there is no key in ${this.#keyPath}`);
    return Buffer.from(hkdfSync('sha256', secret, this.#machineId(), 'quai credentials 1', KEY_BYTES));
  }

  /** Another process, with another configuration, may be making one: the first counts. One that was cut opens nothing, and goes. */
  #newKey(broken: Buffer | undefined): Buffer | undefined {
    if (broken) rmSync(this.#keyPath, { force: true });
    writeSecret(this.#keyPath, randomBytes(KEY_BYTES), { isFirstOnly: true });
    return contentOf(this.#keyPath);
  }
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function readMachineId(): string {
  return contentOf('/etc/machine-id')?.toString().trim() ?? '';
}

function contentOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Whole or not at all, and never readable for others, not even for a moment. */
function writeSecret(
  file: string,
  content: string | Buffer,
  { isFirstOnly = false }: { readonly isFirstOnly?: boolean } = {},
): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx', flush: true });
    chmodSync(temporary, 0o600);
    if (isFirstOnly) linkSync(temporary, file);
    else renameSync(temporary, file);
  } catch (error) {
    if (!isFirstOnly || codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}
