import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import { type Logger, silentLogger } from '#base/logger';
import { createHttpServer } from '#http/http-server';
import type { HubServices } from '#hub/hub-services';
import { openHub } from '#hub/open-hub';
import { pageOfError, pageRoutes } from '#hub/pages/page-routes';
import type { SiteOptions } from '#hub/pages/site-options';
import { SetupCode } from '#hub/setup-code';
import { FakeRepositoryCatalog } from '#registry/fake-repository-catalog';
import { Database } from '#store/database';

export interface HubSite extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly services: HubServices;
  /** stands for the registry: what clients push and pull */
  readonly catalog: FakeRepositoryCatalog;
  readonly setupCode: string;
}

/** The hub's pages and services as they are, over HTTP on a port of the system's choice; the registry alone is played. */
export async function startHubSite(
  options: Partial<SiteOptions> & { readonly catalog?: FakeRepositoryCatalog } = {},
): Promise<HubSite> {
  const logger: Logger = options.logger ?? silentLogger;
  const root = mkdtempSync(join(tmpdir(), 'quai-hub-site-'));
  const db = new Database(':memory:');
  const catalog = options.catalog ?? new FakeRepositoryCatalog();
  const isSignUpOpen = options.isSignUpOpen ?? true;
  const hub = openHub({
    db,
    catalog,
    root,
    logger,
    ...(options.now ? { now: options.now } : {}),
    options: {
      publicUrl: 'http://127.0.0.1',
      isSignUpOpen,
      hashCost: { logN: 8, r: 8, p: 1 },
    },
  });
  const siteOptions: SiteOptions = { ...options, isSignUpOpen, logger };
  const server = createHttpServer({
    routes: pageRoutes(hub.services, siteOptions),
    edge: {
      headers: {},
      admit: (_request, path) => ({ path, version: 0 }),
      fail: (error, request) => {
        logger.debug('refused', { error: messageOf(error) });
        return pageOfError(error, request, { services: hub.services, options: siteOptions });
      },
    },
    logger,
  });
  const setupCode = new SetupCode(root).ensure();
  await new Promise<void>(resolve => server.server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    services: hub.services,
    catalog,
    setupCode,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await hub[Symbol.asyncDispose]();
      db[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
