import * as v from 'valibot';
import { ownValue } from '#base/own-value';
import { maybe, orDefault, text } from '#spec/docker/lenient';
import type { RegistryProblem } from './errors.ts';
import { type HttpResponse, readBody } from './http-message.ts';
import { durationText, rateLimitOf, rateLimitText } from './rate-limit.ts';
import { parseChallenges } from './www-authenticate.ts';

const ErrorBody = v.object({
  errors: orDefault(v.array(v.object({ code: text, message: text, detail: maybe(v.unknown()) })), []),
  /** Docker Hub's token server */
  details: maybe(v.string()),
});

const MAX_BODY = 64 * 1024;
const MAX_TEXT = 500;
const MOST_ERRORS = 3;

/** Codes that are told in the header of OAuth instead of in the body (RFC 6750, section 3.1), and what they mean. */
const OAUTH_CODES: Readonly<Record<string, readonly [code: string, message: string]>> = {
  invalid_token: ['UNAUTHORIZED', 'authentication required'],
  insufficient_scope: ['DENIED', 'requested access to the resource is denied'],
};

/** Reads the reason out of an answer with a bad status. Never throws: an unreadable reason is none. */
export async function problemOf(response: HttpResponse): Promise<RegistryProblem> {
  const { status } = response;
  const body = await readBody(response, MAX_BODY).catch(() => Buffer.alloc(0));
  const oauth = oauthProblems(response);
  const limits = status === 429 ? limitsText(response) : '';
  const [first, ...more] = (oauth.length > 0 ? oauth : parseErrors(body, status)).slice(0, MOST_ERRORS);
  if (!first)
    return { status, code: status === 401 ? 'UNAUTHORIZED' : '', text: statusText(response) + limits };
  const rest = more.filter(problem => problem.code !== first.code);
  return { status, code: first.code, text: [first, ...rest].map(wording).join('\n') + limits };
}

/** What else a registry tells that has had enough: how much there is, and when to come again. */
function limitsText({ headers }: HttpResponse): string {
  const limit = rateLimitOf(headers);
  const seconds = Number(/^\d{1,7}$/.exec(headers['retry-after'] ?? '')?.[0] ?? 0);
  const again = seconds > 0 ? [`try again in ${durationText(seconds)}`] : []; // 0 is at once, which did not help
  const parts = [...(limit ? [rateLimitText(limit)] : []), ...again];
  return parts.length > 0 ? ` (${parts.join('; ')})` : '';
}

interface CodedMessage {
  readonly code: string;
  readonly message: string;
}

function oauthProblems({ headers }: HttpResponse): CodedMessage[] {
  for (const { scheme, parameters } of parseChallenges(headers['www-authenticate'])) {
    const known = scheme === 'bearer' ? ownValue(OAUTH_CODES, parameters.get('error') ?? '') : undefined;
    if (!known) continue;
    const description = printable(parameters.get('error_description') ?? '');
    return [{ code: known[0], message: description || known[1] }];
  }
  return [];
}

export function parseErrors(body: Buffer, status: number): CodedMessage[] {
  const parsed = v.safeParse(ErrorBody, json(body));
  if (!parsed.success) return [];
  const { errors, details } = parsed.output;
  if (errors.length === 0 && details !== undefined) {
    return [{ code: status === 429 ? 'TOOMANYREQUESTS' : 'UNAUTHORIZED', message: printable(details) }];
  }
  return errors.map(({ code, message }) => ({
    code: printable(code).toUpperCase(),
    message: printable(message),
  }));
}

/** As Go's client words it: code in small letters, message. */
function wording({ code, message }: CodedMessage): string {
  const words = code.replaceAll('_', ' ').toLowerCase();
  return [words, message].filter(Boolean).join(': ') || 'unknown error';
}

function statusText({ status, statusText: phrase }: HttpResponse): string {
  if (status === 401) return 'unauthorized: authentication required';
  if (status === 429) return `toomanyrequests: ${printable(phrase) || 'Too Many Requests'}`;
  return `received unexpected HTTP status: ${status} ${printable(phrase)}`.trimEnd();
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined; // a page for people, or nothing
  }
}

/** What a registry says goes to terminals and logs: no control characters, no change of direction, and not too much of it. */
export function printable(said: string): string {
  const clean = said.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean;
}
