import { type Json, numberAt, textAt, textsAt } from '#client/json';
import { humanDuration, humanSize, localTime } from './human.ts';
import type { Row } from './row.ts';
import type { Listing } from './row-writer.ts';

export const imageListing: Listing = {
  headers: {
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    Containers: 'CONTAINERS',
    VirtualSize: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'],
  quietField: 'ID',
};

export interface ImageRowOptions {
  readonly now: number;
  readonly truncate: boolean;
  /** One row for each digest too. */
  readonly digests: boolean;
}

/** The rows of one entry of `GET /images/json`: one per tag. An image without any has one row of `<none>`. */
export function imageRows(json: Json, options: ImageRowOptions): Row[] {
  const tags = textsAt(json, 'RepoTags').filter(text => text !== '<none>:<none>');
  const digests = textsAt(json, 'RepoDigests').filter(text => text !== '<none>@<none>');
  const digestsOf = (repository: string): string[] =>
    digests.filter(text => text.startsWith(`${repository}@`)).map(text => text.slice(repository.length + 1));
  const rows: Row[] = [];
  const seen = new Set<string>();
  for (const text of tags) {
    const at = text.lastIndexOf(':');
    const [repository, tag] = [familiar(text.slice(0, at)), text.slice(at + 1)];
    seen.add(text.slice(0, at));
    const own = options.digests ? digestsOf(text.slice(0, at)) : [];
    for (const digest of own.length > 0 ? own : [''])
      rows.push(imageRow(json, repository, tag, digest, options));
  }
  for (const text of digests) {
    const [repository = '', digest = ''] = text.split('@');
    if (seen.has(repository)) continue;
    if (!options.digests) seen.add(repository);
    rows.push(imageRow(json, familiar(repository), '', options.digests ? digest : '', options));
  }
  return rows.length > 0 ? rows : [imageRow(json, '', '', '', options)];
}

function imageRow(
  json: Json,
  repository: string,
  tag: string,
  digest: string,
  options: ImageRowOptions,
): Row {
  const createdMs = numberAt(json, 'Created') * 1000;
  const id = textAt(json, 'Id');
  const containers = numberAt(json, 'Containers');
  const shared = numberAt(json, 'SharedSize');
  const size = numberAt(json, 'Size');
  return {
    ID: options.truncate ? id.replace(/^sha256:/, '').slice(0, 12) : id,
    Repository: repository || '<none>',
    Tag: tag || '<none>',
    Digest: digest || '<none>',
    get CreatedSince() {
      return createdMs > 0 ? `${humanDuration(options.now - createdMs)} ago` : 'N/A';
    },
    get CreatedAt() {
      return localTime(createdMs);
    },
    Size: humanSize(size, 3),
    Containers: containers === -1 ? 'N/A' : String(containers),
    VirtualSize: humanSize(size),
    SharedSize: shared === -1 ? 'N/A' : humanSize(shared),
    UniqueSize: shared === -1 ? 'N/A' : humanSize(size - shared),
  };
}

/** Names of the default registry are shown without it. */
function familiar(repository: string): string {
  return repository.replace(/^docker\.io\/library\//, '').replace(/^docker\.io\//, '');
}
