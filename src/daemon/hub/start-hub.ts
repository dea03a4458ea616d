import { readFileSync } from 'node:fs';
import { EngineError, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { AccountService } from '#hub/hub-services';
import { ENGINE_BUILD } from '../build-info.ts';
import type { HubConfig } from './hub-config.ts';
import { HubListeners } from './hub-listeners.ts';
import { openParts } from './hub-parts.ts';
import { lockHubRoot } from './hub-root.ts';
import { urlOf } from './listen-address.ts';
import { publicUrlOf } from './public-url.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';

/** A hub that serves. */
export interface RunningHub {
  readonly publicUrl: string;
  /** Reads the certificate again. One that is wrong is told in the log, and the one before it stays. */
  reload(): void;
  /** Stops serving; what clients were in the middle of, they begin again with the next start. */
  close(): Promise<void>;
}

/**
 * Puts registry, hub and pages together on one folder, and listens.
 *
 *   <root>/hub.lock             one process at a time
 *   <root>/hub.sqlite           accounts, repositories, tags
 *   <root>/blobs, ingest        what was pushed
 *   <root>/uploads              what is being pushed
 *
 * @throws {EngineError} `conflict` when another process has the folder or an address, `invalid` for what cannot work.
 */
export async function startHub(config: HubConfig, logger: Logger): Promise<RunningHub> {
  const tls = config.tls && readTlsFiles(config.tls);
  warnOfAge(tls, logger);
  const publicUrl = publicUrlOf(config, tls);
  await using undo = new AsyncDisposableStack();
  undo.use(lockHubRoot(config.root));
  const { accounts, routes, edge, setupCode } = openParts({ config, publicUrl, logger, undo });
  if (config.admin) await ensureAdministrator(accounts, setupCode(), config.admin, logger);
  const listeners = new HubListeners({ addresses: config.listen, tls, routes, edge, logger });
  undo.use(listeners);
  await listeners.listen();
  const scheme = tls ? 'https' : 'http';
  logger.info('the hub is ready', {
    listen: config.listen.map(address => urlOf(scheme, address)),
    publicUrl,
    version: ENGINE_BUILD.version,
    root: config.root,
  });
  const code = setupCode();
  if (code !== undefined) {
    logger.info(
      `nobody has an account yet: make the first one, the administrator's, at ${publicUrl}/setup?code=${code}`,
    );
  }
  const owned = undo.move();
  return {
    publicUrl,
    reload: () => reload(config, listeners, logger),
    close: () => owned.disposeAsync(),
  };
}

const WEEK_MS = 7 * 24 * 3_600_000;

function warnOfAge(tls: TlsFiles | undefined, logger: Logger): void {
  if (!tls) return;
  const { expiresAt, names } = tls;
  const fields = { names, expiresAt: expiresAt.toISOString() };
  if (expiresAt.getTime() < Date.now())
    logger.warn('the certificate has expired: clients will refuse it', fields);
  else if (expiresAt.getTime() < Date.now() + WEEK_MS)
    logger.warn('the certificate expires within a week', fields);
}

function reload({ tls: paths }: HubConfig, listeners: HubListeners, logger: Logger): void {
  if (!paths) return;
  try {
    const tls = readTlsFiles(paths);
    warnOfAge(tls, logger);
    listeners.renewTls(tls);
    logger.info('the certificate has been read again', {
      names: tls.names,
      expiresAt: tls.expiresAt.toISOString(),
    });
  } catch (error) {
    logger.error('the certificate stays as it was', { error });
  }
}

/** For a first start without a browser. Where accounts are already, nothing is changed: a password that was changed stays so. */
async function ensureAdministrator(
  accounts: AccountService,
  setupCode: string | undefined,
  { name, passwordFile }: NonNullable<HubConfig['admin']>,
  logger: Logger,
): Promise<void> {
  if (setupCode === undefined) {
    if (!accounts.find(name))
      logger.warn('--admin is ignored: there are accounts, and this is none of them', { name });
    return;
  }
  await accounts.create(undefined, { name, password: firstLine(passwordFile), setupCode });
  logger.info('the first administrator has an account', { name });
}

function firstLine(file: string): string {
  try {
    const [line = ''] = readFileSync(file, 'utf8').split(/\r?\n/, 1);
    if (line !== '') return line;
    throw new Error('its first line is empty');
  } catch (error) {
    throw new EngineError(
      'invalid',
      `cannot read the administrator's password from ${file}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
