import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, EngineError } from '#base/errors';

const FILE = 'token-key.pem';

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * The key that tokens are signed with (ECDSA on P-256), from a file in `root` that only the server's user may read; made at the
 * first start. Whoever removes it ends all tokens that were signed with it.
 *
 * @throws {EngineError} `dataLoss` for a file that is no such key: making another would hide that something is wrong.
 */
export function signingKey(root: string): SigningKey {
  const path = join(root, FILE);
  const privateKey = read(path) ?? make(path);
  if (privateKey.asymmetricKeyType !== 'ec' || privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new EngineError(
      'dataLoss',
      `the key in ${path} is not one of P-256; remove it to have another made`,
    );
  }
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function read(path: string): KeyObject | undefined {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  chmodSync(path, 0o600);
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const message = `the key in ${path} cannot be read; remove it to have another made`;
    throw new EngineError('dataLoss', message, { cause: error });
  }
}

function make(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  return privateKey;
}
