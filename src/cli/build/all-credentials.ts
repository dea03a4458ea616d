import type { CliContext } from '../context.ts';
import { authConfig } from '../credentials/auth-header.ts';
import { configFolders } from '../credentials/config-folder.ts';
import {
  findCredential,
  helperFor,
  keyringHelper,
  registryConfigs,
} from '../credentials/credential-finder.ts';

type FinderContext = Pick<CliContext, 'env' | 'configFlag'>;

/**
 * The header with the credentials for every registry that there are some for, as a Dockerfile may name any; nothing when there are
 * none.
 */
export async function registryConfigHeader(context: FinderContext): Promise<Record<string, string>> {
  const configs: Record<string, object> = {};
  for (const server of await knownServers(context)) {
    const credential = await findCredential(context, server);
    if (credential) configs[server] = authConfig(server, credential);
  }
  if (Object.keys(configs).length === 0) return {};
  return { 'X-Registry-Config': Buffer.from(JSON.stringify(configs)).toString('base64url') };
}

async function knownServers(context: FinderContext): Promise<Set<string>> {
  const configs = registryConfigs(context);
  const servers = configs.flatMap(({ credentials, credHelpers }) => [
    ...credentials.keys(),
    ...credHelpers.keys(),
  ]);
  const given = context.env['DOCKER_AUTH_CONFIG'];
  if (given) {
    const { parseRegistryConfig, parseSecretJson } = await import('../credentials/docker-config.ts');
    const parsed = parseRegistryConfig('DOCKER_AUTH_CONFIG', parseSecretJson('DOCKER_AUTH_CONFIG', given));
    servers.push(...parsed.credentials.keys());
  }
  const helper = helperFor(configs, '') || (await keyringHelper(context));
  if (helper) {
    const { HelperProgram } = await import('../credentials/helper-program.ts');
    servers.push(...(await new HelperProgram(helper, context.env).list()).keys());
  }
  const { EncryptedFile } = await import('../credentials/encrypted-file.ts');
  servers.push(...new EncryptedFile(configFolders(context)).read().keys());
  return new Set(servers);
}
