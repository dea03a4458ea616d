import { EngineError } from '#base/errors';
import { displayName, latin1 } from '#spec/tar/byte-string';
import type { Name } from '#sys/at';

/** empty, `.` or `..` */
const ODD_COMPONENT = /(?:^|\/)\.{0,2}(?:\/|$)/;
/** Text for both sides: no byte above 127. */
// oxlint-disable-next-line no-control-regex -- control characters are legal in names
const PLAIN = /^[\x01-\x7f]*$/;

/** The path below the root without empty and `.` components; `''` is the root itself. @throws for `..`. */
export function safePath(path: string): string {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  if (!ODD_COMPONENT.test(trimmed)) return trimmed;
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw new EngineError('invalid', `invalid tar archive: "${displayName(path)}" leads out of the archive`);
  }
  return parts.join('/');
}

/** A path for `node:fs`, absolute inside the jail. */
export function fsPath(path: string): string | Buffer {
  return PLAIN.test(path) ? `/${path}` : latin1(`/${path}`);
}

/** A path for our own system calls. */
export function cName(path: string, isAbsolute = true): Name {
  const whole = isAbsolute ? `/${path}` : path;
  return PLAIN.test(whole) ? whole : latin1(`${whole}\0`);
}
