import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RegistryClient, type RegistryClientDeps } from '#distribution/registry-client';
import { RegistryConfig } from '#distribution/registry-config';
import { parseReference, type Reference } from '#spec/reference';
import { ContentStore } from '#store/content-store';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: unknown;
}

export type ClientFixtureOptions = Partial<RegistryClientDeps> & {
  /** path of the file of rules */
  readonly rules?: string;
};

/** A registry client with a content store in a temporary folder. */
export class ClientFixture implements Disposable {
  readonly folder: string;
  readonly content: ContentStore;
  readonly log: LogLine[] = [];
  readonly client: RegistryClient;
  readonly #options: ClientFixtureOptions;

  constructor({ parent = tmpdir(), ...options }: ClientFixtureOptions & { readonly parent?: string } = {}) {
    this.folder = mkdtempSync(join(parent, 'quai-distribution-'));
    this.content = new ContentStore({ root: join(this.folder, 'content') });
    this.#options = options;
    this.client = this.another();
  }

  /** As after a restart of the engine: another client on the same folder. */
  another(): RegistryClient {
    const write =
      (level: string) =>
      (message: string, fields?: unknown): void =>
        void this.log.push({ level, message, fields });
    const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
    const { rules, ...deps } = this.#options;
    return new RegistryClient({
      content: this.content,
      partialRoot: join(this.folder, 'content', 'partial'),
      config: new RegistryConfig({ logger, ...(rules === undefined ? {} : { path: rules }) }),
      certificateFolders: [join(this.folder, 'certs.d')],
      proxies: {},
      userAgent: 'quai-test',
      logger,
      backOff: { attempts: 3, baseMs: 5, capMs: 20 },
      ...deps,
    });
  }

  reference(host: string, name: string): Reference {
    return parseReference(`${host}/${name}`);
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
