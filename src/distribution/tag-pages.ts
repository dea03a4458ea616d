import * as v from 'valibot';
import { orDefault } from '#spec/docker/lenient';
import type { Reference } from '#spec/reference';
import { badAnswer, pullRefused } from './errors.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import { transportError } from './transport-error.ts';

export interface PagedRequest {
  readonly endpoint: RegistryEndpoint;
  /** with its query */
  readonly path: string;
  readonly scopes: readonly string[];
  readonly subject: Reference;
  readonly signal?: AbortSignal | undefined;
}

const PAGE_BYTES = 8 * 1024 * 1024;
const MOST_PAGES = 1000;
const Tags = v.object({ tags: orDefault(v.array(v.string()), []) });
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** The tags of a repository, page by page as the registry gives them (`Link: <…>; rel="next"`). */
export async function* tagPages(request: PagedRequest): AsyncGenerator<string> {
  for await (const page of jsonPages(request)) {
    const parsed = v.safeParse(Tags, page);
    if (!parsed.success) throw badAnswer(request.endpoint.source.host, 'a list of tags is not one');
    yield* parsed.output.tags.filter(tag => TAG.test(tag)); // they become parts of names
  }
}

/** JSON documents that follow each other. @throws {EngineError} */
export async function* jsonPages({ endpoint, path, ...request }: PagedRequest): AsyncGenerator<unknown> {
  const seen = new Set<string>();
  let next: string | undefined = path;
  while (next !== undefined && !seen.has(next)) {
    if (seen.size >= MOST_PAGES)
      throw badAnswer(endpoint.source.host, `a list of more than ${MOST_PAGES} pages`);
    seen.add(next);
    const { scopes, signal, subject } = request;
    const answer = endpoint.read({ method: 'GET', target: next, scopes, signal }, PAGE_BYTES);
    const { response, bytes } = await answer.catch((error: unknown) => {
      throw transportError(error, 'GET', endpoint.urlOf(path));
    });
    if (!bytes) throw pullRefused(await problemOf(response), subject);
    yield parseJson(bytes, endpoint.source.host);
    next = nextLink([response.headers['link'] ?? ''].flat().join(', '), response.url);
  }
}

function parseJson(body: Buffer, host: string): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw badAnswer(host, 'it is not JSON');
  }
}

/** RFC 8288; only its path counts: the next page is at the same registry. */
export function nextLink(header: string, base: URL): string | undefined {
  const [, target] = /<([^<>]{1,4096})>\s*;[^<]*\brel="?next"?/i.exec(header) ?? [];
  if (target === undefined || !URL.canParse(target, base.href)) return undefined;
  const { pathname, search } = new URL(target, base);
  return `${pathname}${search}`;
}
