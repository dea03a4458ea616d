import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { goBody } from '#spec/docker/fold-keys';
import { flag, text, textMap, whole } from '#spec/docker/lenient';
import { queryFlag, queryText } from '#spec/docker/query';
import type { ArtifactBackup, ArtifactBackups } from '#volume/artifact-backups';
import type { MeasuredSize } from '#volume/size-table';
import type { VolumeSnapshot } from '#volume/volume';
import type { Backup, VolumeBackups } from '#volume/volume-backups';
import type { VolumeContents } from '#volume/volume-contents';
import type { VolumeService } from '#volume/volume-service';
import { withPathStat } from './path-stat.ts';
import { pausedStream } from './paused-stream.ts';
import { sentCredentials } from './registry-credentials.ts';
import { volumeToWire } from './volume-wire.ts';

export interface VolumeContentDeps {
  readonly volumes: {
    readonly contents: Pick<VolumeContents, keyof VolumeContents>;
    readonly list: VolumeService['list'];
    readonly sizes: VolumeService['sizes'];
    readonly backups: Pick<VolumeBackups, keyof VolumeBackups>;
    readonly artifacts: Pick<ArtifactBackups, keyof ArtifactBackups>;
  };
  readonly containers: Pick<ContainerService, 'renameVolume' | 'withUsersPaused'>;
}

const TAR = 'application/x-tar';
/** `Pause`: containers that run with the volume, meanwhile */
const CloneRequest = v.object({ Name: text, Labels: textMap, Pause: flag });
const SnapshotRequest = v.object({ Name: text, Pause: flag });
const RestoreRequest = v.object({ Snapshot: text, Backup: text, Artifact: text });
const BackupRequest = v.object({
  Directory: text,
  /** `host/repository[:tag]`, instead; with what the header says of who asks */
  Artifact: text,
  Keep: v.pipe(whole, v.minValue(0)),
  Pause: flag,
});
const PathQuery = v.object({ path: queryText });

/** What volumes can do beyond Docker's API. */
export function volumeContentRoutes({ volumes, containers }: VolumeContentDeps): Route[] {
  const { contents } = volumes;
  const quietly = pauserOf(containers);
  return [
    route(
      'POST',
      '/quai/volumes/{name}/rename',
      { query: v.object({ name: queryText }) },
      async ({ params, query, signal }) => {
        await containers.renameVolume(params.name, query.name, { signal });
        return reply.noContent();
      },
    ),
    route(
      'POST',
      '/quai/volumes/{name}/clone',
      { body: goBody(CloneRequest) },
      async ({ params, body: { Name, Labels: labels, Pause }, signal }) =>
        reply.created(
          volumeToWire(
            await quietly(params.name, Pause, () => contents.clone(params.name, Name, { labels, signal })),
          ),
        ),
    ),
    route(
      'GET',
      '/quai/volumes/{name}/export',
      { query: v.object({ pause: queryFlag }) },
      async ({ params: { name }, query, signal }) => {
        const pack = () => contents.pack(name, { signal });
        if (!query.pause) return reply.stream(TAR, await pack());
        const whilePaused = (work: () => Promise<void>) => containers.withUsersPaused(name, work);
        return reply.stream(TAR, await pausedStream(whilePaused, pack));
      },
    ),
    route('POST', '/quai/volumes/{name}/import', {}, async ({ params, bytes, signal }) =>
      reply.created(volumeToWire(await contents.unpack(params.name, bytes, { signal }))),
    ),
    route('GET', '/quai/volume-sizes', {}, async ({ signal }) => {
      const sizes = await volumes.sizes(volumes.list(), { signal });
      return reply.json({ Sizes: [...sizes].map(sizeToWire) });
    }),
    ...archiveRoutes(contents),
    ...snapshotRoutes(volumes, quietly),
    backupRoute(volumes, quietly),
  ];
}

/** As Docker's archives of containers, for `quai volume cp`. */
function archiveRoutes(contents: VolumeContentDeps['volumes']['contents']): Route[] {
  const pattern = '/quai/volumes/{name}/archive';
  return [
    route('HEAD', pattern, { query: PathQuery }, async ({ params, query }) =>
      withPathStat(reply.empty(), { ...(await contents.stat(params.name, query.path)), linkTarget: '' }),
    ),
    route('GET', pattern, { query: PathQuery }, async ({ params, query: { path }, signal }) => {
      const stat = await contents.stat(params.name, path); // what is not there is said before the stream begins
      const tar = await contents.pack(params.name, { path, signal });
      return withPathStat(reply.stream(TAR, tar), { ...stat, linkTarget: '' });
    }),
    route('PUT', pattern, { query: PathQuery }, async ({ params, query, bytes, signal }) => {
      await contents.put(params.name, query.path, bytes, { signal });
      return reply.empty();
    }),
  ];
}

type Quietly = <T>(volume: string, isPaused: boolean, work: () => Promise<T>) => Promise<T>;

function pauserOf(containers: Pick<ContainerService, 'withUsersPaused'>): Quietly {
  return async (volume, isPaused, work) =>
    await (isPaused ? containers.withUsersPaused(volume, work) : work());
}

function backupRoute({ backups, artifacts }: VolumeContentDeps['volumes'], quietly: Quietly): Route {
  return route(
    'POST',
    '/quai/volumes/{name}/backups',
    { body: goBody(BackupRequest) },
    async ({ params, body, headers, signal }) => {
      const { Directory: directory, Artifact: artifact, Keep: keep, Pause: isPaused } = body;
      if ((directory === '') === (artifact === '')) {
        throw new EngineError('invalid', 'a backup goes into one Directory, or is one Artifact');
      }
      const options = { ...(keep > 0 && { keep }), signal };
      const make = async () => {
        if (artifact === '') return backupToWire(await backups.make(params.name, directory, options));
        const login = sentCredentials(headers);
        return artifactToWire(await artifacts.make(params.name, artifact, { ...options, login }));
      };
      return reply.created(await quietly(params.name, isPaused, make));
    },
  );
}

function snapshotRoutes(
  { contents, backups, artifacts }: VolumeContentDeps['volumes'],
  quietly: Quietly,
): Route[] {
  return [
    route('GET', '/quai/volumes/{name}/snapshots', {}, ({ params }) =>
      reply.json({ Snapshots: contents.snapshots(params.name).map(snapshotToWire) }),
    ),
    route(
      'POST',
      '/quai/volumes/{name}/snapshots',
      { body: goBody(SnapshotRequest) },
      async ({ params: { name }, body: { Name, Pause }, signal }) =>
        reply.created(
          snapshotToWire(await quietly(name, Pause, () => contents.snapshot(name, Name, { signal }))),
        ),
    ),
    route('DELETE', '/quai/volumes/{name}/snapshots/{snapshot}', {}, async ({ params }) => {
      await contents.removeSnapshot(params.name, params.snapshot);
      return reply.noContent();
    }),
    route(
      'POST',
      '/quai/volumes/{name}/restore',
      { body: goBody(RestoreRequest) },
      async ({ params: { name }, body: { Snapshot, Backup, Artifact }, headers, signal }) => {
        if ([Snapshot, Backup, Artifact].filter(Boolean).length !== 1) {
          throw new EngineError(
            'invalid',
            'a volume is restored from one Snapshot, one Backup or one Artifact',
          );
        }
        if (Snapshot !== '') await contents.restore(name, Snapshot, { signal });
        else if (Backup !== '') await backups.restore(name, Backup, { signal });
        else {
          const login = sentCredentials(headers);
          await artifacts.restore(name, Artifact, { login, signal });
        }
        return reply.noContent();
      },
    ),
  ];
}

/** `MeasuredAt` is when that was so: of a large volume it may be a while ago. */
function sizeToWire([name, { sizeBytes, inodes, measuredAt }]: [string, MeasuredSize]) {
  return { Name: name, Size: sizeBytes, Inodes: inodes, MeasuredAt: new Date(measuredAt).toISOString() };
}

function snapshotToWire({ name, volume, createdAt }: VolumeSnapshot) {
  return { Name: name, Volume: volume, CreatedAt: new Date(createdAt).toISOString() };
}

function backupToWire({ path, manifest }: Backup) {
  const { volume, createdAt, file, sizeBytes, sha256 } = manifest;
  return { Path: path, Volume: volume, CreatedAt: createdAt, File: file, Size: sizeBytes, Sha256: sha256 };
}

function artifactToWire({ name, volume, createdAt, digest, archive }: ArtifactBackup) {
  return {
    Artifact: name,
    Volume: volume,
    CreatedAt: createdAt,
    Digest: digest,
    Size: archive.size,
    Sha256: archive.digest.replace('sha256:', ''),
  };
}
