import type { IncomingHttpHeaders } from 'node:http';
import type { Credentials } from '#distribution/credentials';
import { type RegistryAuth, registryAuthOf } from '#spec/docker/registry-auth';

/** Those that a client sends along with its request. @throws {EngineError} `invalid`. */
export function sentCredentials(headers: IncomingHttpHeaders): Credentials {
  return credentialsOf(registryAuthOf(headers));
}

/** As the registry client takes them: only what there is. */
export function credentialsOf({
  username,
  password,
  auth,
  identitytoken,
  registrytoken,
}: RegistryAuth): Credentials {
  const pair = Buffer.from(auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const name = username === '' && colon > 0 ? pair.slice(0, colon) : username;
  const secret = password === '' && colon > 0 ? pair.slice(colon + 1) : password;
  return {
    ...(name === '' ? {} : { username: name }),
    ...(secret === '' ? {} : { password: secret }),
    ...(identitytoken === '' ? {} : { identityToken: identitytoken }),
    ...(registrytoken === '' ? {} : { registryToken: registrytoken }),
  };
}
