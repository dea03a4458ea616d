import { parseError } from './dockerfile-error.ts';
import type { Directives, Escape } from './instructions.ts';

/**
 * `# name=value` at the head of the file. The first line that is none ends them: below it, such a line is a comment.
 *
 * @throws {EngineError} `invalid`, for one that is given twice or an escape that cannot be one.
 */
export function parseDirectives(lines: readonly string[]): Directives {
  const found = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const [, name, value = ''] = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*)$/.exec(line) ?? [];
    const key = name?.toLowerCase();
    if (key !== 'syntax' && key !== 'escape' && key !== 'check') break;
    if (found.has(key)) throw parseError(index + 1, `only one ${key} parser directive can be used`);
    found.set(key, value.trim());
    if (key === 'escape' && value.trim() !== '\\' && value.trim() !== '`') {
      throw parseError(index + 1, `invalid escape token '${value.trim()}' does not match \` or \\`);
    }
  }
  const escape: Escape = found.get('escape') === '`' ? '`' : '\\';
  const syntax = found.get('syntax');
  const check = found.get('check');
  return { escape, ...(syntax !== undefined && { syntax }), ...(check !== undefined && { check }) };
}
