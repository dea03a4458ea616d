import { join } from 'node:path';
import { AddSources } from '#build/add-sources';
import { BuildContexts } from '#build/build-contexts';
import { ContextSpool } from '#build/context-spool';
import { GitFetcher } from '#build/git-fetcher';
import { UrlFetcher } from '#build/url-fetcher';
import { HttpClient } from '#distribution/http-client';
import { TlsSettingsSource } from '#distribution/tls-settings';
import type { JailPool } from '#store/jail-pool';
import { ProgramJail } from '#store/program-jail';
import { ENGINE_BUILD } from './build-info.ts';
import type { DaemonConfig } from './daemon-config.ts';
import type { HostPrograms } from './host-programs.ts';

/** Where builds get files from that are not in images. */
export interface BuildSourceParts extends Disposable {
  readonly contexts: BuildContexts;
  readonly adds: AddSources;
}

/**
 *   <root>/contexts     what clients send
 *   <root>/fetched      git/, urls/: what is fetched; jails/: of the programs that do it
 */
export function createBuildSources(
  { root, registries }: DaemonConfig,
  {
    programs,
    builds: pool,
  }: { readonly programs: HostPrograms; readonly builds: Pick<JailPool, 'extract' | 'usage'> },
): BuildSourceParts {
  const { proxies, certificateFolders, http2 } = registries;
  const crun = programs.runtimes.get('crun');
  const fetched = join(root, 'fetched');
  const jail = crun === undefined ? undefined : new ProgramJail({ crun, folder: join(fetched, 'jails') });
  const http = new HttpClient({ proxies, userAgent: `quai/${ENGINE_BUILD.version} (linux)`, http2 });
  const urls = new UrlFetcher({
    http,
    tls: new TlsSettingsSource(certificateFolders),
    folder: join(fetched, 'urls'),
  });
  const git = new GitFetcher({
    ...(jail && { jail }),
    proxies,
    redirects: urls,
    trees: pool,
    folder: join(fetched, 'git'),
  });
  const spool = new ContextSpool({ folder: join(root, 'contexts') });
  const contexts = new BuildContexts({ spool, git, urls, ...(jail && { jail }) });
  const adds = new AddSources({ git, urls, jail: pool, ...(jail && { programJail: jail }) });
  return { contexts, adds, [Symbol.dispose]: () => http[Symbol.dispose]() };
}
