import { EngineError } from '#base/errors';
import { parseError } from './dockerfile-error.ts';

/** Bounds of what is read; what people write is far below. */
const LARGEST_FILE = 4 * 1024 * 1024;
/** As with Docker. */
const LONGEST_LINE = 65_535;
const MOST_LINES = 200_000;

/** A Dockerfile as lines, without their ends; which of them end in CR LF does not matter to anyone but here-documents. */
export interface DockerfileText {
  readonly lines: readonly string[];
  /** whether bytes that are no text were replaced by U+FFFD */
  readonly isDamaged: boolean;
}

/** @throws {EngineError} `invalid`, for what is no text, or too much of it. */
export function dockerfileText(source: string | Uint8Array): DockerfileText {
  if (source.length > LARGEST_FILE) {
    throw new EngineError('invalid', `dockerfile is larger than ${LARGEST_FILE / 1024 / 1024} MiB`);
  }
  const { text, isDamaged } =
    typeof source === 'string' ? { text: source, isDamaged: false } : decode(source);
  const lines = (text.startsWith('\uFEFF') ? text.slice(1) : text).split('\n');
  if (lines.length > MOST_LINES) {
    throw new EngineError('invalid', `dockerfile has more than ${MOST_LINES} lines`);
  }
  const long = lines.findIndex(line => line.length > LONGEST_LINE);
  if (long >= 0) {
    const reason = `line greater than max allowed size of ${LONGEST_LINE}; continue it on the next with a backslash, or put it in a file`;
    throw parseError(long + 1, reason);
  }
  return { lines, isDamaged };
}

/** Other encodings pass as long as only comments have them: many old files have a name in Latin-1 in one. */
function decode(bytes: Uint8Array): { readonly text: string; readonly isDamaged: boolean } {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new EngineError('invalid', 'dockerfile is UTF-16: save it as UTF-8');
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), isDamaged: false };
  } catch {
    return { text: new TextDecoder().decode(bytes), isDamaged: true };
  }
}
