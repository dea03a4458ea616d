import * as v from 'valibot';
import type { ContainerFiles } from '#container/container-files';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { queryFlag, queryText } from '#spec/docker/query';
import { withPathStat } from './path-stat.ts';

export interface ContainerFileApi {
  readonly files: Pick<ContainerFiles, 'changes' | 'export' | 'read' | 'stat' | 'write'>;
}

/** Numbers of Docker's `ChangeType`. */
const KINDS = { modified: 0, added: 1, deleted: 2 } as const;

export function containerFileRoutes({ files }: ContainerFileApi): Route[] {
  return [
    route('GET', '/containers/{id}/changes', {}, async ({ params: { id }, signal }) => {
      const changes = await files.changes(id, { signal });
      return reply.json(changes.map(({ path, kind }) => ({ Path: path, Kind: KINDS[kind] })));
    }),
    route('GET', '/containers/{id}/export', {}, ({ params: { id }, signal }) =>
      reply.stream('application/octet-stream', files.export(id, { signal })),
    ),
    ...archiveRoutes(files),
  ];
}

const TAR = 'application/x-tar';
const PathQuery = v.object({ path: queryText });
const WriteQuery = v.object({ path: queryText, noOverwriteDirNonDir: queryFlag, copyUIDGID: queryFlag });

/** What `docker cp` is made of. */
function archiveRoutes(files: ContainerFileApi['files']): Route[] {
  const pattern = '/containers/{id}/archive';
  return [
    route('HEAD', pattern, { query: PathQuery }, async ({ params: { id }, query: { path }, signal }) =>
      withPathStat(reply.empty(), await files.stat(id, path, { signal })),
    ),
    route('GET', pattern, { query: PathQuery }, async ({ params: { id }, query: { path }, signal }) => {
      const { stat, tar } = await files.read(id, path, { signal });
      return withPathStat(reply.stream(TAR, tar), stat);
    }),
    route('PUT', pattern, { query: WriteQuery }, async ({ params: { id }, query, bytes, signal }) => {
      await files.write(id, query.path, bytes, {
        keepsKinds: query.noOverwriteDirNonDir,
        copiesOwner: query.copyUIDGID,
        signal,
      });
      return reply.empty();
    }),
  ];
}
