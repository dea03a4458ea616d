import { EngineError } from '#base/errors';

const MAX_PORT = 65_535;

/**
 * What EXPOSE writes into an image: `80` is `80/tcp`; of a range each port; of `HOST:PORT` the port, as Docker takes it.
 *
 * @throws {EngineError} `invalid`.
 */
export function portKeys(text: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^(?:[^/]*:)?([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === '' || from < 1 || from > to || to > MAX_PORT) {
    throw new EngineError('invalid', `invalid containerPort: ${text}`);
  }
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}
