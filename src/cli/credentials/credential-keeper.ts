import type { CliContext } from '../context.ts';
import { configFolders } from './config-folder.ts';
import type { Credential } from './credential.ts';
import { helperFor, keyringHelper, registryConfigs } from './credential-finder.ts';
import { EncryptedFile } from './encrypted-file.ts';
import { HelperProgram } from './helper-program.ts';

type KeeperContext = Pick<CliContext, 'env' | 'configFlag'>;

/** Keeps credentials in the configured helper, the session's keyring, or our encrypted file. */
export async function keepCredential(
  context: KeeperContext,
  server: string,
  credential: Credential,
): Promise<void> {
  const name = await helperName(context, server);
  if (name) await new HelperProgram(name, context.env).store(server, credential);
  else new EncryptedFile(configFolders(context)).write(server, credential);
}

/** Forgets them wherever we may have put them; Docker's own files are Docker's. */
export async function forgetCredential(context: KeeperContext, server: string): Promise<void> {
  const name = await helperName(context, server);
  if (name) await new HelperProgram(name, context.env).erase(server);
  new EncryptedFile(configFolders(context)).write(server, undefined);
}

async function helperName(context: KeeperContext, server: string): Promise<string> {
  return helperFor(registryConfigs(context), server) || (await keyringHelper(context));
}
