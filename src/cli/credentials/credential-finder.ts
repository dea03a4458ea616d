import type { CliContext } from '../context.ts';
import { configFolders } from './config-folder.ts';
import type { Credential } from './credential.ts';
import {
  parseRegistryConfig,
  parseSecretJson,
  type RegistryConfig,
  readRegistryConfig,
} from './docker-config.ts';

const VARIABLE = 'DOCKER_AUTH_CONFIG';

type FinderContext = Pick<CliContext, 'env' | 'configFlag'>;

/**
 * The credentials for a registry, from the first place that has some: the variable `DOCKER_AUTH_CONFIG`, the helper that the
 * configuration names for it, our encrypted file, and what Docker's command line wrote into its `config.json`.
 *
 * @throws {CliError} when a place that was named cannot be read.
 */
export async function findCredential(
  context: FinderContext,
  server: string,
): Promise<Credential | undefined> {
  const { env } = context;
  const given = env[VARIABLE];
  const fromVariable =
    given && parseRegistryConfig(VARIABLE, parseSecretJson(VARIABLE, given)).credentials.get(server);
  if (fromVariable) return fromVariable;
  const configs = registryConfigs(context);
  const name = helperFor(configs, server) || (await keyringHelper(context));
  if (name) {
    const { HelperProgram } = await import('./helper-program.ts');
    const found = await new HelperProgram(name, env).get(server);
    if (found) return found;
  }
  const { EncryptedFile } = await import('./encrypted-file.ts');
  const own = new EncryptedFile(configFolders(context)).read().get(server);
  return own ?? plainCredential(configs, server)?.credential;
}

/** Ours before Docker's; one if they are the same. */
export function registryConfigs(context: FinderContext): RegistryConfig[] {
  const folders = configFolders(context);
  return [...new Set([folders.own, folders.docker])].map(readRegistryConfig);
}

/** The helper that is configured for a server, else for all; `''` for none. */
export function helperFor(configs: readonly RegistryConfig[], server: string): string {
  const own = configs.map(one => one.credHelpers.get(server)).find(Boolean);
  return own ?? configs.map(one => one.credsStore).find(Boolean) ?? '';
}

/** Credentials that lie open in a file, and which. */
export function plainCredential(
  configs: readonly RegistryConfig[],
  server: string,
): { readonly file: string; readonly credential: Credential } | undefined {
  for (const { file, credentials } of configs) {
    const credential = credentials.get(server);
    if (credential) return { file, credential };
  }
  return undefined;
}

/** The helper of this session's keyring, where there is one; `''` otherwise. */
export async function keyringHelper({ env }: Pick<CliContext, 'env'>): Promise<string> {
  if (!env['DBUS_SESSION_BUS_ADDRESS']) return '';
  const { hasProgram } = await import('../installed-program.ts');
  return hasProgram('docker-credential-secretservice', env) ? 'secretservice' : '';
}
