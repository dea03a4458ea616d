import { createHash, type Hash } from 'node:crypto';
import { open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { HttpClient } from '#distribution/http-client';
import type { HttpResponse } from '#distribution/http-message';
import type { TlsSettingsSource } from '#distribution/tls-settings';
import { transportError } from '#distribution/transport-error';
import { shownAddress } from '#spec/dockerfile/git-address';
import { freeSpace, isDiskFull, noSpace } from '#store/disk-space';
import type { AddressClass } from '#sys/address-guard';
import { FetchFolder } from './fetch-folder.ts';

export interface UrlFetcherDeps {
  readonly http: Pick<HttpClient, 'send'>;
  readonly tls: Pick<TlsSettingsSource, 'of'>;
  /** belongs to this object alone; what is there is removed */
  readonly folder: string;
  readonly maxBytes?: number;
  readonly freeBytes?: number;
}

export interface UrlFetchOptions {
  /** `sha256:…`, `sha384:…` or `sha512:…` that the bytes have to have */
  readonly checksum?: string;
  readonly signal: AbortSignal;
}

/** A file alone in a folder of its own, by the name that the address ends in. Disposal removes both. */
export interface FetchedFile extends AsyncDisposable {
  readonly folder: string;
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  /** what the server says, and the file too; seconds since 1970, which are 0 when it says nothing */
  readonly modifiedSeconds: number;
}

const MAX_BYTES = 64 * 1024 ** 3;
const FREE_BYTES = 256 * 1024 ** 2;
const LOOK_BYTES = 32 * 1024 ** 2;
const MOST_REDIRECTS = 10;
const UNNAMED = '__unnamed__';
const CHECKSUM = /^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;

/**
 * Downloads files for builds, over http and https, through the proxies and with the certificates of the engine.
 *
 *   <folder>/XXXXXX/<name>
 */
export class UrlFetcher {
  readonly #deps: UrlFetcherDeps;
  readonly #places: FetchFolder;

  constructor(deps: UrlFetcherDeps) {
    this.#deps = deps;
    this.#places = new FetchFolder(deps.folder);
  }

  /** @throws {EngineError} `invalid` for an address, an answer or bytes that are not as they should be, `unavailable`, `forbidden`, `cancelled`. */
  async fetch(address: string, { checksum, signal }: UrlFetchOptions): Promise<FetchedFile> {
    const url = addressOf(address);
    if (checksum !== undefined && !CHECKSUM.test(checksum)) throw badChecksum(checksum);
    await using undo = new AsyncDisposableStack();
    const folder = await this.#places.make('u-', undo);
    const response = await this.#get(url, signal);
    const name = nameOf(url);
    const path = join(folder, name);
    const { sizeBytes, digest } = await this.#save(response, path, { url, checksum, signal });
    const modified = Date.parse(response.headers['last-modified'] ?? '');
    const modifiedSeconds = modified >= 0 ? Math.floor(modified / 1000) : 0;
    await utimes(path, modifiedSeconds, modifiedSeconds);
    const owned = undo.move();
    return {
      folder,
      name,
      path,
      sizeBytes,
      digest,
      modifiedSeconds,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  /** Where the redirects end that begin at an address, whatever is there. @throws {EngineError} as {@link fetch}. */
  async lastAddress(address: string, { signal }: { readonly signal: AbortSignal }): Promise<URL> {
    const { response, url } = await this.#follow(addressOf(address), signal);
    response.discard();
    return url;
  }

  async #get(first: URL, signal: AbortSignal): Promise<HttpResponse> {
    const { response } = await this.#follow(first, signal);
    if (response.status === 200) return response;
    response.discard();
    throw badAnswer(first, response.status);
  }

  async #follow(
    first: URL,
    signal: AbortSignal,
  ): Promise<{ readonly response: HttpResponse; readonly url: URL }> {
    let url = first;
    let namedBy: AddressClass | undefined;
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const response = await this.#send(
        url,
        url.origin === first.origin ? first : undefined,
        namedBy,
        signal,
      );
      const { location } = response.headers;
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status) && location !== undefined;
      if (!isRedirect) return { response, url };
      response.discard();
      namedBy = response.address;
      url = redirected(url, location);
    }
    throw new EngineError('invalid', `${shown(first)} redirects more than ${MOST_REDIRECTS} times`);
  }

  /** @param user whose name and password go along: only to the server that they were given for */
  async #send(
    url: URL,
    user: URL | undefined,
    namedBy: AddressClass | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const target = new URL(url);
    target.username = '';
    target.password = '';
    target.hash = '';
    try {
      return await this.#deps.http.send({
        method: 'GET',
        url: target,
        headers: user?.username ? { authorization: basic(user) } : {},
        tls: this.#deps.tls.of(url.host, {}, { isVerified: true }),
        namedBy,
        signal,
      });
    } catch (error) {
      throwIfAborted(signal);
      throw transportError(error, 'GET', target);
    }
  }

  async #save(
    response: HttpResponse,
    path: string,
    {
      url,
      checksum,
      signal,
    }: { readonly url: URL; readonly checksum: string | undefined; readonly signal: AbortSignal },
  ): Promise<{ readonly sizeBytes: number; readonly digest: Digest }> {
    const hash = createHash('sha256');
    const algorithm = checksum?.split(':', 1)[0];
    const other = algorithm === undefined || algorithm === 'sha256' ? undefined : createHash(algorithm);
    const sizeBytes = await this.#write(response, path, {
      url,
      hashes: other ? [hash, other] : [hash],
      signal,
    });
    const digest: Digest = `sha256:${hash.digest('hex')}`;
    const actual = other ? `${algorithm}:${other.digest('hex')}` : digest;
    if (checksum !== undefined && checksum !== actual)
      throw new EngineError(
        'invalid',
        `digest mismatch ${actual}: ${checksum} was expected of ${shown(url)}`,
      );
    return { sizeBytes, digest };
  }

  async #write(
    response: HttpResponse,
    path: string,
    {
      url,
      hashes,
      signal,
    }: { readonly url: URL; readonly hashes: readonly Hash[]; readonly signal: AbortSignal },
  ): Promise<number> {
    const { maxBytes = MAX_BYTES } = this.#deps;
    await using file = await open(path, 'wx', 0o600);
    let size = 0;
    let lookAt = 0;
    try {
      for await (const chunk of response.body()) {
        throwIfAborted(signal);
        if (size >= lookAt) {
          await this.#checkRoom();
          lookAt = size + LOOK_BYTES;
        }
        size += chunk.length;
        if (size > maxBytes)
          throw new EngineError('invalid', `${shown(url)} has more than ${maxBytes} bytes`);
        for (const hash of hashes) hash.update(chunk);
        await file.writeFile(chunk);
      }
    } catch (error) {
      throwIfAborted(signal);
      if (isDiskFull(error)) throw noSpace({ cause: error });
      throw transportError(error, 'GET', url);
    }
    return size;
  }

  async #checkRoom(): Promise<void> {
    const { bytes } = await freeSpace(this.#places.path);
    if (bytes < (this.#deps.freeBytes ?? FREE_BYTES)) throw noSpace();
  }
}

function addressOf(address: string): URL {
  const url = address.length <= 8192 && URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new EngineError(
    'invalid',
    `invalid address ${shownAddress(address).slice(0, 200)}: it must begin with http:// or https://`,
  );
}

function redirected(from: URL, location: string): URL {
  const url = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && from.protocol === 'http:')) return url;
  throw new EngineError(
    'invalid',
    `${shown(from)} redirects to ${shownAddress(location).slice(0, 200)}, which is not followed`,
  );
}

/** What ADD calls the file, where the destination is a folder. */
function nameOf({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1);
  const name = decoded(last);
  const isName = /^[^/\0]+$/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 255;
  return isName ? name : UNNAMED;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function basic({ username, password }: URL): string {
  const text = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`; // queries hold signatures
}

function badAnswer(url: URL, status: number): EngineError {
  const kind = status >= 500 || status === 429 ? 'unavailable' : 'invalid';
  return new EngineError(kind, `cannot download ${shown(url)}: invalid response status ${status}`);
}

function badChecksum(checksum: string): EngineError {
  const hint = 'write sha256: and 64 hexadecimal digits';
  return new EngineError('invalid', `invalid checksum ${JSON.stringify(checksum.slice(0, 200))}: ${hint}`);
}
