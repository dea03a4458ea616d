import type { Image } from '#image/image';
import type { ImageDeletion } from '#image/image-service';
import type { ContainerConfig } from '#spec/docker/container-config';
import { toTimestamp } from '#spec/docker/timestamp';
import type { ApiMinor } from './api-version.ts';
import { configToWire, healthcheckToWire, toKeySet } from './container-config-wire.ts';

/** Engine API `ImageInspect`. */
export function imageToWire(image: Image, version: ApiMinor, driver: string) {
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    ...(version < 52 ? { Parent: '', DockerVersion: '' } : {}),
    ...ifText('Comment', image.comment || (image.history.at(-1)?.comment ?? ''), version),
    ...createdField(image, version),
    ...(version < 45 ? { Container: '', ContainerConfig: configToWire(image.config, version) } : {}),
    ...ifText('Author', image.author, version),
    Config: imageConfigToWire(image.config, version),
    Architecture: image.platform.architecture,
    ...(image.platform.variant ? { Variant: image.platform.variant } : {}),
    Os: image.platform.os,
    Size: image.sizeBytes,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
    GraphDriver: { Data: {}, Name: driver },
    RootFS: { Type: 'layers', ...(image.diffIds.length > 0 ? { Layers: image.diffIds } : {}) },
    Metadata: { LastTagTime: toTimestamp(image.lastTaggedAt) },
  };
}

export interface SummaryFacts {
  readonly version: ApiMinor;
  /** how many use it */
  readonly containers: number;
  /** bytes of layers that other images have too; absent: not asked for */
  readonly sharedBytes?: number;
}

/** Engine API `ImageSummary`. */
export function imageSummaryToWire(image: Image, { version, containers, sharedBytes = -1 }: SummaryFacts) {
  const { repoTags, repoDigests } = image;
  return {
    Id: image.id,
    ParentId: '',
    RepoTags: version < 43 && repoTags.length === 0 ? ['<none>:<none>'] : repoTags,
    RepoDigests: version < 43 && repoDigests.length === 0 ? ['<none>@<none>'] : repoDigests,
    Created: Math.floor((image.createdAt ?? 0) / 1000),
    Size: image.sizeBytes,
    SharedSize: sharedBytes,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
    Labels: image.config.Labels,
    Containers: version < 51 ? -1 : containers,
  };
}

/** Engine API `ImageHistoryResponseItem`s, newest first. Only the image itself has an ID and tags. */
export function historyToWire(image: Image) {
  return image.history.toReversed().map((entry, index) => ({
    Id: index === 0 ? image.id : '<missing>',
    Created: Math.floor((entry.createdAt ?? 0) / 1000),
    CreatedBy: entry.createdBy,
    Tags: index === 0 && image.repoTags.length > 0 ? image.repoTags : null,
    Size: entry.sizeBytes,
    Comment: entry.comment,
  }));
}

/** Engine API `ImageDeleteResponseItem`s, in the order things happened. */
export function deletionToWire({ untagged, deleted }: ImageDeletion) {
  return [...untagged.map(name => ({ Untagged: name })), ...deleted.map(id => ({ Deleted: id }))];
}

/** What an image can say about its containers. Until 1.49 all fields of a container were there, empty. */
function imageConfigToWire(config: ContainerConfig, version: ApiMinor): Record<string, unknown> {
  if (version < 50) return configToWire(config, version);
  const always = {
    User: config.User,
    Env: config.Env,
    Cmd: config.Cmd ?? null,
    Volumes: config.Volumes.length > 0 ? toKeySet(config.Volumes) : null,
    WorkingDir: config.WorkingDir,
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: Object.keys(config.Labels).length > 0 ? config.Labels : null,
  };
  return {
    ...(version < 52 ? always : withoutEmpty(always)),
    ...(config.ExposedPorts.length > 0 ? { ExposedPorts: toKeySet(config.ExposedPorts) } : {}),
    ...healthcheckToWire(config.Healthcheck),
    ...(config.ArgsEscaped ? { ArgsEscaped: true } : {}),
    ...(config.StopSignal ? { StopSignal: config.StopSignal } : {}),
    ...(config.Shell?.length ? { Shell: config.Shell } : {}),
  };
}

function createdField(image: Image, version: ApiMinor): { Created?: string } {
  if (image.createdAt === undefined && version >= 44) return {};
  return { Created: toTimestamp(image.createdAt) };
}

function ifText(name: string, value: string, version: ApiMinor): Record<string, string> {
  return value === '' && version >= 52 ? {} : { [name]: value };
}

function withoutEmpty(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).filter(([, value]) =>
      Array.isArray(value) ? value.length > 0 : value !== null && value !== '',
    ),
  );
}
