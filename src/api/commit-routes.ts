import * as v from 'valibot';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { ContainerConfig } from '#spec/docker/container-config';
import { goBody } from '#spec/docker/fold-keys';
import { queryFlagOn, queryList, queryText } from '#spec/docker/query';
import { withTag } from './with-tag.ts';

export type CommitApi = Pick<ContainerService, 'commit'>;

const CommitQuery = v.object({
  container: queryText,
  repo: queryText,
  tag: queryText,
  author: queryText,
  comment: queryText,
  pause: queryFlagOn,
  changes: queryList,
});

/** Without a body, or with an empty one, the container's own configuration is the base. */
const CommitBody = v.pipe(
  v.unknown(),
  v.transform(body => (isEmpty(body) ? undefined : body)),
  v.optional(goBody(ContainerConfig)),
);

export function commitRoutes(containers: CommitApi): Route[] {
  return [
    route('POST', '/commit', { query: CommitQuery, body: CommitBody }, async ({ query, body, signal }) => {
      const { container, repo, tag, author, comment, pause, changes } = query;
      const image = await containers.commit(
        container,
        {
          author,
          comment,
          changes,
          isPaused: pause,
          ...(repo === '' ? {} : { reference: withTag(repo, tag) }),
          ...(body === undefined ? {} : { config: body }),
        },
        { signal },
      );
      return reply.created({ Id: image.id });
    }),
  ];
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0);
}
