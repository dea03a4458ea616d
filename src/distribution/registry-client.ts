import { type Abortable, throwIfAborted } from '#base/abortable';
import type { Digest } from '#base/ids';
import { KeyedMutex } from '#base/keyed-mutex';
import type { KeyedSemaphore } from '#base/keyed-semaphore';
import type { Logger } from '#base/logger';
import type { Reference } from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import { type Attachment, attach } from './attachment.ts';
import { Authenticator } from './authenticator.ts';
import { type BackOff, DEFAULT_BACK_OFF } from './back-off.ts';
import { ANONYMOUS, type Credentials } from './credentials.ts';
import { DownloadPool, placesAt } from './download-pool.ts';
import { loginRefused, refused } from './errors.ts';
import { HttpClient } from './http-client.ts';
import type { HttpLimits } from './http-message.ts';
import { type CopyOptions, ImageCopy } from './image-copy.ts';
import { PartialBlobs } from './partial-blob.ts';
import type { ProxySettings } from './proxy-settings.ts';
import type { RegistryConfig } from './registry-config.ts';
import { type EndpointDeps, type Reached, RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import { RegistryRepository } from './registry-repository.ts';
import { registryHost, type Source } from './registry-rules.ts';
import type { Repository } from './repository.ts';
import { type SearchHit, searchRegistry } from './search.ts';
import { TlsSettingsSource } from './tls-settings.ts';

export interface RegistryClientDeps {
  readonly content: Pick<ContentStore, 'adopt' | 'path'>;
  /** where downloads that were cut wait, on the file system of the content store */
  readonly partialRoot: string;
  readonly config: RegistryConfig;
  /** `/etc/quai/certs.d` and the like */
  readonly certificateFolders: readonly string[];
  readonly proxies: ProxySettings;
  readonly userAgent: string;
  readonly logger: Logger;
  /** blobs at a time from each registry; default 6 */
  readonly downloads?: number;
  /** the same the other way; default 5 */
  readonly uploads?: number;
  readonly backOff?: Partial<BackOff>;
  readonly limits?: Partial<HttpLimits>;
  /** HTTP/2 with registries that offer it; default true */
  readonly http2?: boolean;
  /** milliseconds since 1970 */
  readonly now?: () => number;
}

/** A name with tag or digest, and who asks. */
export interface Place {
  readonly reference: Reference;
  readonly credentials?: Credentials;
}

export interface LoginResult {
  /** to be kept instead of the password; empty when the registry gives none */
  readonly identityToken: string;
}

const DOWNLOADS = 6;
/** As Docker has it. */
const UPLOADS = 5;
/** What came of a blob is kept so long after the last byte. */
const KEEP_PARTIAL_MS = 24 * 3600 * 1000;
const SWEEP_MS = 3600 * 1000;

/** All registries, as this engine's configuration has them. */
export class RegistryClient implements Disposable {
  readonly #deps: RegistryClientDeps;
  readonly #http: HttpClient;
  readonly #tls: TlsSettingsSource;
  readonly #auth: Authenticator;
  readonly #partial: PartialBlobs;
  readonly #reached = new Map<string, Reached>();
  readonly #resting = new Map<string, number>();
  readonly #backOff: BackOff;
  readonly #now: () => number;
  readonly #downloads: DownloadPool;
  readonly #uploads: KeyedSemaphore;
  readonly #referrerLocks = new KeyedMutex();
  readonly #uploadLocks = new KeyedMutex();
  readonly #sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();

  constructor(deps: RegistryClientDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#uploads = placesAt(deps.uploads ?? UPLOADS);
    this.#backOff = { ...DEFAULT_BACK_OFF, ...deps.backOff };
    this.#http = new HttpClient({
      proxies: deps.proxies,
      userAgent: deps.userAgent,
      ...(deps.limits ? { limits: deps.limits } : {}),
      http2: deps.http2 ?? true,
    });
    this.#tls = new TlsSettingsSource(deps.certificateFolders);
    this.#auth = new Authenticator({ http: this.#http, now: this.#now });
    this.#partial = new PartialBlobs(deps.partialRoot);
    this.#downloads = new DownloadPool({
      content: deps.content,
      partial: this.#partial,
      backOff: this.#backOff,
      logger: deps.logger,
      slots: deps.downloads ?? DOWNLOADS,
    });
  }

  /** @throws {EngineError} `forbidden` when the rules block the name. */
  repository(reference: Reference, credentials: Credentials = ANONYMOUS): Repository {
    return this.#repository(reference, credentials);
  }

  /**
   * Copies an image with all its platforms to another name, at any registry, without keeping anything of it here.
   *
   * @returns the digest that the other name stands for now.
   * @throws {EngineError} as {@link Repository}.
   */
  async copy(from: Place, to: Place, options: CopyOptions = {}): Promise<Digest> {
    const isSameRegistry = from.reference.domain === to.reference.domain;
    const name = this.#deps.config.current().sourcesOf(from.reference).at(-1)?.repository;
    const copy = new ImageCopy(
      {
        from: this.#repository(from.reference, from.credentials),
        to: this.#repository(to.reference, to.credentials),
        mountFrom: isSameRegistry && name !== undefined ? [name] : [],
      },
      options,
    );
    return await copy.run(nameIn(from.reference), nameIn(to.reference));
  }

  /**
   * Keeps something about an image beside it, in its repository.
   *
   * @returns the digest of what refers to the image now.
   * @throws {EngineError} as {@link Repository}.
   */
  async attach(
    { reference, credentials }: Place,
    attachment: Attachment,
    options: Abortable = {},
  ): Promise<Digest> {
    const repository = this.#repository(reference, credentials);
    const subject = await repository.resolve(nameIn(reference), options);
    return await attach(repository, subject, attachment, options);
  }

  /**
   * Whether a registry takes these credentials.
   *
   * @param server as `docker login` gives it: a host, a URL, or empty for Docker Hub
   * @throws {EngineError} `unauthorized`, `unavailable`.
   */
  async login(server: string, credentials: Credentials, { signal }: Abortable = {}): Promise<LoginResult> {
    const source = this.#deps.config.current().registryOf(registryHost(server));
    const endpoint = this.#endpoint({ ...source, takesCredentials: true }, credentials);
    const { response, refreshToken } = await endpoint.login(signal);
    if (response.status === 401) {
      response.discard();
      throw loginRefused(response.url);
    }
    if (response.status !== 200) throw refused(await problemOf(response));
    response.discard();
    return { identityToken: refreshToken ?? '' };
  }

  /**
   * Repositories whose name holds a word, at the registry that the term names, or at all that the rules list: then up to
   * `limit` of each, and those that do not answer are left out as long as one does.
   *
   * @param credentials for the registry that the term names; for Docker Hub when it names none
   */
  async search(
    term: string,
    credentials: Credentials,
    { limit, signal }: Abortable & { readonly limit: number },
  ): Promise<SearchHit[]> {
    const rules = this.#deps.config.current();
    const [named, words] = splitTerm(term);
    const owner = registryHost(named ?? '');
    const found: SearchHit[] = [];
    const failures: unknown[] = [];
    const hosts = named === undefined ? rules.searchHosts : [named];
    for (const host of hosts.map(registryHost)) {
      try {
        const endpoint = this.#endpoint(rules.searchOf(host), host === owner ? credentials : ANONYMOUS);
        found.push(...(await searchRegistry({ endpoint, host, words, limit, signal })));
      } catch (error) {
        throwIfAborted(signal);
        failures.push(error);
        this.#deps.logger.warn('a registry could not be searched', { host, error });
      }
    }
    if (failures.length > 0 && failures.length === hosts.length) throw failures[0];
    return found;
  }

  /**
   * Takes a blob out of the content store that was downloaded for something that failed: the next attempt finds it, as if its
   * download had been cut after the last byte. Happy to find nothing.
   */
  keep(digest: Digest): void {
    this.#partial.keep(this.#deps.content.path(digest), digest);
  }

  /** Removes downloads that nobody went on with: for the start. Later it happens by itself. */
  sweep(): void {
    this.#partial.sweep(KEEP_PARTIAL_MS, this.#now(), hex => this.#downloads.isBusy(hex));
  }

  /** Waits for downloads under way; those that nobody wants any more have been told to end. */
  settled(): Promise<void> {
    return this.#downloads.settled();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweeper);
    this.#http[Symbol.dispose]();
  }

  #repository(reference: Reference, credentials: Credentials = ANONYMOUS): RegistryRepository {
    const sources = this.#deps.config.current().sourcesOf(reference);
    return new RegistryRepository({
      endpoints: sources.map(source => this.#endpoint(source, credentials)),
      reference,
      downloads: this.#downloads,
      uploads: this.#uploads,
      referrerLocks: this.#referrerLocks,
      uploadLocks: this.#uploadLocks,
      backOff: this.#backOff,
      logger: this.#deps.logger,
    });
  }

  #endpoint(source: Source, credentials: Credentials): RegistryEndpoint {
    const deps: EndpointDeps = {
      http: this.#http,
      auth: this.#auth,
      tlsOf: (host, ofSource) =>
        this.#tls.of(host, ofSource?.tlsFiles ?? {}, {
          isVerified: ofSource ? ofSource.isVerified : !this.#deps.config.current().isInsecure(host),
        }),
      backOff: this.#backOff,
      now: this.#now,
      logger: this.#deps.logger,
      reached: this.#reached,
      resting: this.#resting,
    };
    return new RegistryEndpoint(source, credentials, deps);
  }
}

function nameIn({ digest, tag = 'latest' }: Reference): string {
  return digest ?? tag;
}

/** `registry.example.com/web` is looked for there alone. */
function splitTerm(term: string): readonly [host: string | undefined, words: string] {
  const slash = term.indexOf('/');
  const first = slash < 0 ? '' : term.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  return isHost ? [first, term.slice(slash + 1)] : [undefined, term];
}
