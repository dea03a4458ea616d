import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Abortable } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import { type ContainerId, newId } from '#base/ids';
import { platformMismatch } from '#image/errors';
import type { Image } from '#image/image';
import type { ContainerCreateRequest } from '#spec/docker/container-create';
import { parsePlatform } from '#spec/oci/platform';
import type { Container, MountPoint } from './container.ts';
import { NEW_STATE } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { curlyQuoteHint } from './curly-quote-hint.ts';
import { nameInUse } from './errors.ts';
import { misplacedOptionHint } from './exec-limits.ts';
import { settingsOf } from './log-access.ts';
import { mergeImageConfig } from './merge-image-config.ts';
import { makeMounts, unmakeMounts } from './mount-maker.ts';
import { planMounts } from './mount-plan.ts';
import { generateName, parseContainerName } from './name-generator.ts';
import { completeNetworking, networkModeOf } from './network-mode.ts';
import { validateCreate } from './validate-create.ts';

const SHORT_ID_LENGTH = 12;
const BINFMT_DIR = '/proc/sys/fs/binfmt_misc';
/** Names under which qemu registers itself for architectures that Go calls otherwise. */
const QEMU_NAMES: Readonly<Record<string, string>> = { arm64: 'aarch64', amd64: 'x86_64', '386': 'i386' };

export interface CreatedContainer {
  readonly id: ContainerId;
  readonly warnings: readonly string[];
}

/**
 * Makes a container: name, writable layer, volumes, row. A crash on the way leaves a journal entry by which the next
 * start undoes what was made.
 *
 * @throws {EngineError} `notFound` for the image, `conflict` for the name, `invalid` for anything wrong in the request.
 */
export async function createContainer(
  context: ContainerContext,
  requestedName: string | undefined,
  request: ContainerCreateRequest,
  { platform, signal }: Abortable & { readonly platform?: string },
): Promise<CreatedContainer> {
  await context.turns.pass();
  context.runtime.expectStart(); // most are started at once
  const image = imageFor(context, request.Image, platform);
  const id = newId();
  const draft = draftContainer(context, { id, request, image });
  const name = chooseName(context, requestedName);
  using _reserved = context.index.reserve(name, id);
  const operation = context.journal.begin('create', id);
  context.faults.reach('create.1-journaled');
  try {
    const { container, warnings } = await make(
      context,
      { ...draft.container, name },
      image,
      signal ? { signal } : {},
    );
    context.table.transaction(() => {
      context.index.insert(container);
      operation.end();
    });
    context.faults.reach('create.5-row');
    // One that goes away by itself need not be there after a power cut.
    if (!container.hostConfig.AutoRemove) await context.table.synced();
    emitContainerEvent(context, container, 'create');
    return { id, warnings: [...draft.warnings, ...warnings] };
  } catch (error) {
    await unmake(context, id);
    operation.end();
    throw error;
  }
}

async function make(
  context: ContainerContext,
  draft: Container,
  image: Image,
  options: Abortable,
): Promise<{ readonly container: Container; readonly warnings: readonly string[] }> {
  const { id, hostConfig, config } = draft;
  context.snapshots.prepare(id, image.snapshot);
  context.faults.reach('create.2-snapshot');
  const plan = planMounts({
    hostConfig,
    volumes: config.Volumes,
    mountsOf: reference => mountsOf(context, reference),
  });
  const { mounts, warnings } =
    plan.length === 0 ? { mounts: [], warnings: [] } : await makeMounts(plan, id, context, options);
  context.faults.reach('create.3-volumes');
  mkdirSync(dirname(context.paths.log(id)), { recursive: true, mode: 0o710 });
  context.faults.reach('create.4-files');
  return { container: { ...draft, mounts }, warnings };
}

async function unmake(context: ContainerContext, id: string): Promise<void> {
  await unmakeMounts(id, context);
  try {
    context.snapshots.remove(id);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
  }
  await rm(context.paths.directory(id), { recursive: true, force: true });
}

function mountsOf(context: ContainerContext, reference: string): readonly MountPoint[] {
  return namedContainer(context, reference).mounts;
}

/** Absent: `invalid`, because clients take a 404 of this route for a missing image, and go and pull it. */
function namedContainer({ index }: ContainerContext, reference: string): Container {
  try {
    return index.get(reference);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
    throw new EngineError('invalid', error.message, { cause: error });
  }
}

/** Everything that can be known, and checked, before anything is made. */
function draftContainer(
  context: ContainerContext,
  {
    id,
    request,
    image,
  }: { readonly id: ContainerId; readonly request: ContainerCreateRequest; readonly image: Image },
): { readonly container: Container; readonly warnings: readonly string[] } {
  const { HostConfig: _given, NetworkingConfig: networking, ...wanted } = request;
  const { hostConfig, warnings } = validateCreate(request, {
    host: context.host,
    runtimes: context.defaults.runtimes,
  });
  const merged = mergeImageConfig(wanted, image.config, hostConfig);
  settingsOf(context, { hostConfig });
  const config = {
    ...merged.config,
    Hostname: hostnameFor(context, { config: merged.config, hostConfig }, id),
  };
  const container: Container = {
    id,
    name: '',
    createdAt: Date.now(),
    imageId: image.id,
    imageName: request.Image,
    platform: image.platform.os,
    path: merged.path,
    args: merged.args,
    config,
    hostConfig: {
      ...hostConfig,
      NetworkMode: hostConfig.NetworkMode === 'default' ? 'bridge' : hostConfig.NetworkMode || 'bridge',
    },
    networking: completeNetworking({ hostConfig, config }, networking),
    mounts: [],
    state: NEW_STATE,
    restartCount: 0,
    isManuallyStopped: false,
  };
  const hints = [misplacedOptionHint(merged), curlyQuoteHint(wanted.Env)].filter(hint => hint !== undefined);
  return { container, warnings: [...warnings, ...hints] };
}

/** The short ID unless one was asked for; none where the host's or another container's counts. */
function hostnameFor(
  context: ContainerContext,
  container: Pick<Container, 'config' | 'hostConfig'>,
  id: string,
): string {
  const { config, hostConfig } = container;
  const mode = networkModeOf(container);
  if (mode.kind === 'container') return namedContainer(context, mode.reference).config.Hostname;
  if (config.Hostname !== '' || hostConfig.UTSMode === 'host' || mode.kind === 'host') return config.Hostname;
  return id.slice(0, SHORT_ID_LENGTH);
}

function chooseName({ index }: ContainerContext, requested: string | undefined): string {
  if (requested === undefined || requested === '')
    return generateName(name => index.ownerOf(name) !== undefined);
  const name = parseContainerName(requested);
  const owner = index.ownerOf(name);
  if (owner !== undefined) throw nameInUse(name, owner);
  return name;
}

/** @throws {EngineError} `notFound` when it is not here, or not for the platform; `invalid` when it cannot run here. */
function imageFor(context: ContainerContext, reference: string, platform: string | undefined): Image {
  const choice = platform ? { platform: parsePlatform(platform) } : {};
  const image = context.images.find(reference, choice) ?? context.images.get(reference);
  context.images.requireTrust(image, reference);
  context.images.noteUse(image.id);
  const { os, architecture, variant } = image.platform;
  const own = [os, architecture, variant].filter(Boolean).join('/');
  if (platform !== undefined && platform !== '' && !matches(image, platform)) {
    throw platformMismatch(reference, own, platform);
  }
  const isNative = os === 'linux' && runsNatively(architecture, context.host.architecture);
  if (isNative || isEmulated(architecture)) return image;
  throw new EngineError(
    'invalid',
    `image ${reference} is made for ${own} and cannot run on this host, which is linux/${context.host.architecture}: ` +
      `get the image for linux/${context.host.architecture}, or install an emulator (package "qemu-user-static")`,
  );
}

function matches({ platform: { os, architecture, variant } }: Image, platform: string): boolean {
  const [wantedOs, wantedArchitecture, wantedVariant] = platform.includes('/')
    ? platform.split('/')
    : ['linux', platform];
  return (
    os === wantedOs &&
    (wantedArchitecture === undefined || architecture === wantedArchitecture) &&
    (wantedVariant === undefined || variant === undefined || variant === wantedVariant)
  );
}

function runsNatively(architecture: string, host: string): boolean {
  return architecture === host || architecture === '' || (host === 'amd64' && architecture === '386');
}

function isEmulated(architecture: string): boolean {
  return existsSync(`${BINFMT_DIR}/qemu-${QEMU_NAMES[architecture] ?? architecture}`);
}
