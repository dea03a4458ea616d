import { messageOf } from '#base/errors';
import { isObject, type Json, objectAt, parseJson, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { systemMessage } from '../system-message.ts';
import type { Credential } from './credential.ts';
import { hostOf, serverOf } from './registry-server.ts';

const fs = process.getBuiltinModule('node:fs');
const path = process.getBuiltinModule('node:path');

/** What concerns registries in a `config.json` of the Docker command line, or one of ours: the form is the same. */
export interface RegistryConfig {
  readonly file: string;
  /** name of the helper for all registries, `''` for none */
  readonly credsStore: string;
  /** names of helpers by server */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** by server */
  readonly credentials: ReadonlyMap<string, Credential>;
}

/** @throws {CliError} for a file that cannot be read or is not JSON; one that is not there is empty. */
export function readRegistryConfig(folder: string): RegistryConfig {
  const file = path.join(folder, 'config.json');
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    const isAbsent =
      error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (isAbsent) return parseRegistryConfig(file, {});
    throw new CliError(`cannot read ${file}: ${systemMessage(error)}`);
  }
  return parseRegistryConfig(file, parseSecretJson(file, text));
}

/** @throws {CliError} for an `auth` that is not what Docker writes. */
export function parseRegistryConfig(file: string, json: Json): RegistryConfig {
  const credentials = new Map<string, Credential>();
  for (const [server, entry] of Object.entries(objectAt(json, 'auths'))) {
    const credential = isObject(entry) ? credentialOf(entry, server, file) : undefined;
    // Older clients wrote addresses; the first that means this server wins, as with Docker.
    if (credential && !credentials.has(serverOf(server))) credentials.set(serverOf(server), credential);
  }
  const helpers = Object.keys(objectAt(json, 'credHelpers'));
  return {
    file,
    credsStore: textAt(json, 'credsStore'),
    credHelpers: new Map(
      helpers.map(server => [serverOf(hostOf(server)), textAt(json, 'credHelpers', server)]),
    ),
    credentials,
  };
}

/** Docker writes an entry without content where a helper has it. */
function credentialOf(entry: Json, server: string, file: string): Credential | undefined {
  const identityToken = textAt(entry, 'identitytoken');
  const registryToken = textAt(entry, 'registrytoken');
  const auth = textAt(entry, 'auth');
  const [username, password] = auth
    ? splitAuth(auth, server, file)
    : [textAt(entry, 'username'), textAt(entry, 'password')];
  if (!password && !identityToken && !registryToken) return undefined;
  return {
    username,
    ...(password && !identityToken ? { password } : {}),
    ...(identityToken ? { identityToken } : {}),
    ...(registryToken ? { registryToken } : {}),
  };
}

function splitAuth(auth: string, server: string, file: string): readonly [user: string, password: string] {
  const text = Buffer.from(auth, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon < 1) throw new CliError(`${file}: invalid auth of "${server}": not base64 of USER:PASSWORD`);
  return [text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, '')];
}

/** What has secrets in it: of why it is no JSON only the place is told, as the message quotes what stands there. @throws {CliError} */
export function parseSecretJson(source: string, text: string): Json {
  if (text.trim() === '') return {};
  try {
    return parseJson(text);
  } catch (error) {
    const [place] = /at position \d+/.exec(messageOf(error)) ?? [];
    throw new CliError(`${source} is not JSON${place ? `: something is wrong ${place}` : ''}`);
  }
}
