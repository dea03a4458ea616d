import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { HttpError } from './http-error.ts';
import { readWhole } from './read-whole.ts';

export const MAX_FORM_BYTES = 512 * 1024;
const MAX_FIELDS = 1000;
const FORM_TIMEOUT_MS = 60_000;

/** What a form of a page sent: every field with all its values, in the order of the page. */
export class FormBody {
  readonly #fields: URLSearchParams;

  constructor(fields: URLSearchParams = new URLSearchParams()) {
    this.#fields = fields;
  }

  /** The first value, with the line ends of a text area as `\n`; empty where the field was not sent. */
  text(name: string): string {
    return (this.#fields.get(name) ?? '').replaceAll('\r\n', '\n');
  }

  get names(): readonly string[] {
    return [...new Set(this.#fields.keys())];
  }

  /** Whether a box was ticked. */
  has(name: string): boolean {
    return this.#fields.has(name);
  }

  all(name: string): readonly string[] {
    return this.#fields.getAll(name);
  }
}

/**
 * Reads a body of `application/x-www-form-urlencoded` (URL standard, section 5). Nothing else is taken: the other types of forms
 * can be sent from anywhere too, and are no use here.
 *
 * @throws {HttpError} 415 for another type, 413 for more than {@link MAX_FORM_BYTES} or too many fields, 408 for one that takes too long.
 */
export async function readFormBody(
  stream: Readable,
  headers: IncomingHttpHeaders,
  { timeoutMs = FORM_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<FormBody> {
  const mediaType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/x-www-form-urlencoded') {
    throw new HttpError(415, "a form must be sent as 'application/x-www-form-urlencoded'");
  }
  if (Number(headers['content-length'] ?? 0) > MAX_FORM_BYTES) throw tooLarge();
  const bytes = await inTime(readWhole(stream, { maxBytes: MAX_FORM_BYTES, tooLarge }), timeoutMs);
  const text = bytes.toString('utf8');
  if (countFields(text) > MAX_FIELDS) throw tooLarge();
  return new FormBody(new URLSearchParams(text));
}

async function inTime(reading: Promise<Buffer>, timeoutMs: number): Promise<Buffer> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new HttpError(408, 'the form took too long to come')),
    timeoutMs,
  );
  try {
    return await Promise.race([reading, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function countFields(text: string): number {
  let count = 1;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) count += 1;
  return count;
}

function tooLarge(): HttpError {
  return new HttpError(413, `the form is too large: the limit is ${MAX_FORM_BYTES / 1024} KiB`);
}
