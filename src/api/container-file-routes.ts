import type { ContainerFiles } from '#container/container-files';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';

export interface ContainerFileApi {
  readonly files: Pick<ContainerFiles, 'changes' | 'export'>;
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
  ];
}
