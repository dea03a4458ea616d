import type { CliContext } from '../context.ts';
import type { Credential } from './credential.ts';
import { serverOf } from './registry-server.ts';

/** The header that gives an engine the credentials for a registry; nothing when there are none. */
export async function authHeader(context: CliContext, domain: string): Promise<Record<string, string>> {
  const config = await findAuthConfig(context, domain);
  return config ? { 'X-Registry-Auth': Buffer.from(JSON.stringify(config)).toString('base64url') } : {};
}

/** For requests that take credentials in their body: empty when there are none. */
export async function authConfigOf(context: CliContext, domain: string): Promise<Record<string, string>> {
  return (await findAuthConfig(context, domain)) ?? {};
}

async function findAuthConfig(
  context: CliContext,
  domain: string,
): Promise<Record<string, string> | undefined> {
  const { findCredential } = await import('./credential-finder.ts');
  const server = serverOf(domain);
  const found = await findCredential(context, server);
  return found && authConfig(server, found);
}

/** As the API writes it: `AuthConfig`. */
export function authConfig(server: string, credential: Credential): Record<string, string> {
  const { username, password, identityToken, registryToken } = credential;
  return {
    ...(username ? { username } : {}),
    ...(password === undefined ? {} : { password }),
    serveraddress: server,
    ...(identityToken ? { identitytoken: identityToken } : {}),
    ...(registryToken ? { registrytoken: registryToken } : {}),
  };
}
