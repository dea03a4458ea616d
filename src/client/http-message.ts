/** First line and headers of an answer. */
export interface ReplyHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** How the end of an answer's body is found (RFC 9112, section 6.3). */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'untilClose' };

const LINE_BREAK = /[\r\n]/;

/** @throws {RangeError} for a line break in a header, which would begin another one. */
export function requestHead(method: string, path: string, headers: Readonly<Record<string, string>>): string {
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (
    LINE_BREAK.test(path + method) ||
    Object.entries(headers).some(pair => LINE_BREAK.test(pair.join('')))
  ) {
    throw new RangeError('a request must not contain line breaks');
  }
  return `${head}\r\n`;
}

/** `text` without the empty line at its end. @throws {Error} when it is not HTTP/1. */
export function parseReplyHead(text: string): ReplyHead {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (!status)
    throw new Error(`what listens there does not speak HTTP: ${JSON.stringify(first.slice(0, 60))}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
  }
  return { status: Number(status), headers };
}

export function framingOf(method: string, { status, headers }: ReplyHead): BodyFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'none' };
  if (/\bchunked$/i.test(headers['transfer-encoding'] ?? '')) return { kind: 'chunked' };
  const length = headers['content-length'];
  if (length === undefined) return { kind: 'untilClose' };
  if (!/^\d{1,15}$/.test(length)) throw new Error(`the engine sent a wrong Content-Length: ${length}`);
  return { kind: 'length', bytes: Number(length) };
}
