import { join } from 'node:path';
import type { Logger } from '#base/logger';
import { RegistryClient } from '#distribution/registry-client';
import { RegistryConfig } from '#distribution/registry-config';
import type { ContentStore } from '#store/content-store';
import { ENGINE_BUILD } from './build-info.ts';
import type { DaemonConfig } from './daemon-config.ts';

/** The client for registries, as the configuration has it. @throws {EngineError} `invalid` for a file of rules that is wrong. */
export function createRegistries(
  { root, registries }: DaemonConfig,
  content: ContentStore,
  logger: Logger,
): RegistryClient {
  const { rulesPath, http2, mirrors, insecure, proxies, certificateFolders, downloads, uploads } = registries;
  return new RegistryClient({
    content,
    partialRoot: join(root, 'content', 'partial'),
    config: new RegistryConfig({ path: rulesPath, docker: { mirrors, insecure }, logger }),
    certificateFolders,
    http2,
    proxies,
    userAgent: `quai/${ENGINE_BUILD.version} (linux)`,
    downloads,
    uploads,
    logger,
  });
}
