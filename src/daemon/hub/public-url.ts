import { EngineError } from '#base/errors';
import type { HubConfig } from './hub-config.ts';
import { isAnyAddress, urlOf } from './listen-address.ts';
import type { TlsFiles } from './tls-files.ts';

/**
 * Where others reach the hub: as configured, by the name in its certificate, or by the first address it listens on.
 *
 * @throws {EngineError} `invalid` when none of these is known.
 */
export function publicUrlOf({ publicUrl, listen: [first] }: HubConfig, tls: TlsFiles | undefined): string {
  if (publicUrl !== undefined) return publicUrl;
  const name = tls?.names[0];
  if (first && name !== undefined) return new URL(`https://${name}:${first.port}`).origin;
  if (first && !isAnyAddress(first)) return urlOf(tls ? 'https' : 'http', first);
  throw new EngineError(
    'invalid',
    'the certificate names no host: say with --public-url how others reach the hub',
  );
}
