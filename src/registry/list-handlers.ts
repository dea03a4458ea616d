import { setImmediate } from 'node:timers/promises';
import { type BytesReply, reply } from '#http/reply';
import type { RawRequest } from '#http/route';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { AccessControl, Caller } from './access-control.ts';
import { RegistryError } from './errors.ts';
import { type Exchange, parameter } from './exchange.ts';
import type { ManifestTable, Referrer, ReferrerName } from './manifest-table.ts';
import { nameUnknown } from './manifests.ts';
import { checkDigest } from './names.ts';
import type { RepositoryTable } from './repository-table.ts';
import type { TagTable } from './tag-table.ts';

export interface ListHandlersDeps {
  readonly access: AccessControl;
  readonly repositories: RepositoryTable;
  readonly tags: TagTable;
  readonly manifests: ManifestTable;
}

/** of an answer; `Link` leads to the rest */
const MOST_NAMES = 10_000;
/** looked at in one go */
const STEP = 200;
const MOST_REFERRERS = 500;
/** No index, and so no list of referrers, may be larger. */
const MOST_REFERRER_BYTES = 3 * 1024 * 1024;

/** The lists: tags, repositories, referrers. */
export class ListHandlers {
  readonly #deps: ListHandlersDeps;

  constructor(deps: ListHandlersDeps) {
    this.#deps = deps;
  }

  tags({ request, repository }: Exchange): BytesReply {
    const found = this.#deps.repositories.find(repository);
    if (!found) throw nameUnknown(repository);
    const { limit, last } = page(request);
    const names = limit === 0 ? [] : this.#deps.tags.namesAfter(found.id, last, limit + 1);
    const shown = names.slice(0, limit);
    const next = names.length > limit ? { n: String(limit), last: shown.at(-1) ?? '' } : undefined;
    return withNext(reply.json({ name: repository, tags: shown }), `/v2/${repository}/tags/list`, next);
  }

  /** What the caller may see of all repositories. */
  async catalog(request: RawRequest): Promise<BytesReply> {
    const caller = await this.#deps.access.admit(request.headers.authorization, undefined, request.peer);
    const { limit, last } = page(request);
    const names =
      limit === 0 ? [] : await this.#seen(caller, last, { limit: limit + 1, signal: request.signal });
    const shown = names.slice(0, limit);
    const next = names.length > limit ? { n: String(limit), last: shown.at(-1) ?? '' } : undefined;
    return withNext(reply.json({ repositories: shown }), '/v2/_catalog', next);
  }

  referrers({ request, repository }: Exchange, text: string): BytesReply {
    const digest = checkDigest(text);
    const artifactType = parameter(request, 'artifactType');
    const after = parameter(request, 'last') ?? '';
    const all = this.#deps.manifests.referrers(repository, digest, {
      last: after,
      limit: MOST_REFERRERS + 1,
      ...(artifactType === undefined ? {} : { artifactType }),
    });
    const { shown, last } = fitting(all);
    const filter = artifactType === undefined ? {} : { artifactType };
    const next = last === undefined ? undefined : { ...filter, last };
    const body = reply.json({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: shown.map(name => wire(this.#deps.manifests.referrer(name))),
    });
    const applied = artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' };
    const headers = { ...body.headers, 'Content-Type': MEDIA_TYPES.ociIndex, ...applied };
    return withNext({ ...body, headers }, `/v2/${repository}/referrers/${digest}`, next);
  }

  /** Others are served while those are passed over that the caller may not see. */
  async #seen(
    caller: Caller,
    last: string,
    { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<string[]> {
    const { access, repositories } = this.#deps;
    const seen: string[] = [];
    let after = last;
    for (;;) {
      const names = repositories.namesAfter(after, STEP);
      for (const name of names) {
        if (access.maySee(caller, name)) seen.push(name);
        if (seen.length === limit) return seen;
      }
      after = names.at(-1) ?? '';
      if (names.length < STEP) return seen;
      await setImmediate(undefined, { signal });
    }
  }
}

/** As many as fit into an answer. @returns also the last of them, when there are more. */
function fitting(all: readonly ReferrerName[]): {
  readonly shown: readonly ReferrerName[];
  readonly last: string | undefined;
} {
  let bytes = 0;
  let count = 0;
  for (const { annotationBytes } of all.slice(0, MOST_REFERRERS)) {
    bytes += annotationBytes;
    if (count > 0 && bytes > MOST_REFERRER_BYTES) break;
    count += 1;
  }
  const shown = all.slice(0, count);
  return { shown, last: count < all.length ? shown.at(-1)?.digest : undefined };
}

function wire({ mediaType, digest, size, artifactType, annotations }: Referrer): object {
  const notes = JSON.parse(annotations) as Readonly<Record<string, string>>; // as ManifestTable wrote it
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === '' ? {} : { artifactType }),
    ...(Object.keys(notes).length === 0 ? {} : { annotations: notes }),
  };
}

/** @throws {RegistryError} `PAGINATION_NUMBER_INVALID`. */
function page(request: RawRequest): { readonly limit: number; readonly last: string } {
  const text = parameter(request, 'n');
  const last = parameter(request, 'last') ?? '';
  if (text === undefined || text === '') return { limit: MOST_NAMES, last };
  if (!/^\d{1,9}$/.test(text)) {
    throw new RegistryError('PAGINATION_NUMBER_INVALID', 'n has to be a whole number from 0');
  }
  return { limit: Math.min(Number(text), MOST_NAMES), last };
}

function withNext(
  answer: BytesReply,
  path: string,
  next: Readonly<Record<string, string>> | undefined,
): BytesReply {
  if (!next) return answer;
  const link = `<${path}?${new URLSearchParams(next).toString()}>; rel="next"`;
  return { ...answer, headers: { ...answer.headers, Link: link } };
}
