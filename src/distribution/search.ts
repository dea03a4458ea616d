import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { flag, orDefault, text } from '#spec/docker/lenient';
import { badAnswer, refused } from './errors.ts';
import { readBody } from './http-message.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { printable, problemOf } from './registry-problem.ts';
import { HUB_SEARCH_HOST } from './registry-rules.ts';
import { nextLink } from './tag-pages.ts';
import { transportError } from './transport-error.ts';

export interface SearchHit {
  /** as it is pulled: `busybox`, `registry.example.com:5000/team/app` */
  readonly name: string;
  readonly description: string;
  readonly starCount: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

export interface SearchRequest {
  readonly endpoint: RegistryEndpoint;
  /** `docker.io` for Docker Hub */
  readonly host: string;
  readonly words: string;
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** Docker Hub's index, version 1 of the registry API: what `docker search` asks. */
const Index = v.object({
  results: orDefault(
    v.array(
      v.object({
        name: text,
        description: text,
        star_count: orDefault(v.number(), 0),
        is_official: flag,
        is_automated: flag,
      }),
    ),
    [],
  ),
});
const Catalog = v.object({ repositories: orDefault(v.array(v.string()), []) });
const NAME = /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/;
const MAX_BYTES = 8 * 1024 * 1024;
const CATALOG_ENTRIES = 1000;
const CATALOG_PAGES = 100;
const MOST_HITS = 100;

/** By the search of Docker Hub where a registry has it, else in its catalogue. @throws {EngineError} */
export async function searchRegistry(request: SearchRequest): Promise<SearchHit[]> {
  const { words, limit } = request;
  const count = Math.min(Math.max(limit, 1), MOST_HITS);
  const index = await get(request, `/v1/search?q=${encodeURIComponent(words)}&n=${count}`);
  if (index !== undefined) return hitsOf(request, index.document).slice(0, count);
  // What stands in for Docker Hub by a rule may have a catalogue; Docker Hub has none.
  if (request.endpoint.source.host === HUB_SEARCH_HOST) throw badAnswer(request.host, 'it has no search');
  return await catalogHits(request, count);
}

interface Page {
  readonly document: unknown;
  readonly next: string | undefined;
}

async function get({ endpoint, host, signal }: SearchRequest, target: string): Promise<Page | undefined> {
  const scopes = target.startsWith('/v2/_catalog') ? ['registry:catalog:*'] : [];
  const response = await endpoint.send({ method: 'GET', target, scopes, signal });
  if (response.status === 404) {
    response.discard();
    return undefined;
  }
  if (response.status !== 200) throw refused(await problemOf(response));
  const body = await readBody(response, MAX_BYTES).catch((error: unknown) => {
    throw transportError(error, 'GET', response.url);
  });
  try {
    const next = nextLink([response.headers['link'] ?? ''].flat().join(', '), response.url);
    return { document: JSON.parse(body.toString('utf8')) as unknown, next };
  } catch {
    throw badAnswer(host, 'it is not JSON');
  }
}

function hitsOf({ host }: SearchRequest, document: unknown): SearchHit[] {
  const parsed = v.safeParse(Index, document);
  if (!parsed.success) throw badAnswer(host, 'a search result is none');
  return parsed.output.results
    .filter(({ name }) => NAME.test(name))
    .map(hit => ({
      name: nameAt(host, hit.name),
      description: printable(hit.description),
      starCount: hit.star_count,
      isOfficial: hit.is_official,
      isAutomated: hit.is_automated,
    }));
}

/** Page by page, until there are enough. */
async function catalogHits(request: SearchRequest, count: number): Promise<SearchHit[]> {
  const { host, words } = request;
  const hits: SearchHit[] = [];
  let target: string | undefined = `/v2/_catalog?n=${CATALOG_ENTRIES}`;
  for (let pages = 0; target !== undefined && pages < CATALOG_PAGES && hits.length < count; pages += 1) {
    const page = await get(request, target);
    if (page === undefined) {
      const message = `the registry at ${host} offers neither search nor catalogue`;
      throw new EngineError('notImplemented', message);
    }
    const parsed = v.safeParse(Catalog, page.document);
    if (!parsed.success) throw badAnswer(host, 'a catalogue is none');
    const names = parsed.output.repositories.filter(
      name => NAME.test(name) && name.includes(words.toLowerCase()),
    );
    hits.push(...names.map(name => ({ ...PLAIN, name: nameAt(host, name) })));
    target = page.next;
  }
  return hits.slice(0, count);
}

const PLAIN = { description: '', starCount: 0, isOfficial: false, isAutomated: false };

function nameAt(host: string, name: string): string {
  // As it is written: what stands in for Docker Hub knows its images as `library/…`.
  return host === 'docker.io' ? name.replace(/^library\//, '') : `${host}/${name}`;
}
