import { EngineError } from '#base/errors';
import { displayName } from './byte-string.ts';

/** empty, `.` or `..` */
const ODD_COMPONENT = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** The path below the root without empty and `.` components; `''` is the root itself. @throws {EngineError} `invalid` for `..`. */
export function safePath(path: string): string {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  if (!ODD_COMPONENT.test(trimmed)) return trimmed;
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw new EngineError('invalid', `invalid tar archive: "${displayName(path)}" leads out of the archive`);
  }
  return parts.join('/');
}
