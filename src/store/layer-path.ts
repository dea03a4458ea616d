import { latin1 } from '#spec/tar/byte-string';
import type { Name } from '#sys/at';

/** Text for both sides: no byte above 127. */
// oxlint-disable-next-line no-control-regex -- control characters are legal in names
const PLAIN = /^[\x01-\x7f]*$/;

/** A path for `node:fs`, absolute inside the jail. */
export function fsPath(path: string): string | Buffer {
  return PLAIN.test(path) ? `/${path}` : latin1(`/${path}`);
}

/** A path for our own system calls. */
export function cName(path: string, isAbsolute = true): Name {
  const whole = isAbsolute ? `/${path}` : path;
  return PLAIN.test(whole) ? whole : latin1(`${whole}\0`);
}
