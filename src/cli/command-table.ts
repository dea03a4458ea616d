import type { Command } from './command.ts';

export interface CommandEntry {
  /** Every way to call it, the usual one first; `container ls` is two words. */
  readonly paths: readonly string[];
  /** Loaded when it is run, so that starting costs no more than the command itself. */
  readonly load: () => Promise<Command>;
}

/** Commands that the launcher `./quai` runs itself, as they need the engine's side of the code. */
export const launcherCommands = [
  { name: 'daemon', summary: 'Run the engine in the foreground' },
  { name: 'hub serve', summary: 'Run a registry with accounts, pages and a search in the foreground' },
  { name: 'check', summary: 'Check what this machine needs to run containers' },
  { name: 'setup', summary: 'Install what is missing on this machine' },
] as const;

/** First words that only group others. */
export const groups: Readonly<Record<string, string>> = {
  builder: 'Manage builds',
  container: 'Manage containers',
  hub: 'Run a registry with accounts and pages',
  image: 'Manage images',
  manifest: 'Manage image manifests and manifest lists',
  network: 'Manage networks',
  plugin: 'Manage plugins',
  system: 'Manage Quai',
  volume: 'Manage volumes',
};

/** Listed first in the help. */
export const commonCommands: readonly CommandEntry[] = [
  entry(['run', 'container run'], async () => (await import('./commands/run.ts')).run),
  entry(['exec', 'container exec'], async () => (await import('./commands/exec.ts')).exec),
  entry(
    ['ps', 'container ls', 'container list', 'container ps'],
    async () => (await import('./commands/ps.ts')).ps,
  ),
  entry(['build', 'image build', 'builder build'], async () => (await import('./commands/build.ts')).build),
  entry(['pull', 'image pull'], async () => (await import('./commands/pull.ts')).pull),
  entry(['push', 'image push'], async () => (await import('./commands/push.ts')).push),
  entry(['images', 'image ls', 'image list'], async () => (await import('./commands/images.ts')).images),
  entry(['search'], async () => (await import('./commands/search.ts')).search),
  entry(['login'], async () => (await import('./commands/login.ts')).login),
  entry(['logout'], async () => (await import('./commands/logout.ts')).logout),
  entry(['version'], async () => (await import('./commands/version.ts')).version),
  entry(['info', 'system info'], async () => (await import('./commands/info.ts')).info),
];

export const otherCommands: readonly CommandEntry[] = [
  entry(['attach', 'container attach'], async () => (await import('./commands/attach.ts')).attach),
  entry(['commit', 'container commit'], async () => (await import('./commands/commit.ts')).commit),
  entry(['cp', 'container cp'], async () => (await import('./commands/cp.ts')).copy),
  entry(['create', 'container create'], async () => (await import('./commands/create.ts')).create),
  entry(['diff', 'container diff'], async () => (await import('./commands/diff.ts')).diff),
  entry(['events', 'system events'], async () => (await import('./commands/events.ts')).events),
  entry(['export', 'container export'], async () => (await import('./commands/export.ts')).exportContainer),
  entry(['history', 'image history'], async () => (await import('./commands/history.ts')).history),
  entry(['import', 'image import'], async () => (await import('./commands/import.ts')).importImage),
  entry(['inspect'], async () => (await import('./commands/inspect.ts')).inspect),
  entry(['kill', 'container kill'], async () => (await import('./commands/lifecycle.ts')).kill),
  entry(['load', 'image load'], async () => (await import('./commands/load.ts')).load),
  entry(['logs', 'container logs'], async () => (await import('./commands/logs.ts')).logs),
  entry(['pause', 'container pause'], async () => (await import('./commands/lifecycle.ts')).pause),
  entry(['port', 'container port'], async () => (await import('./commands/port.ts')).port),
  entry(['rename', 'container rename'], async () => (await import('./commands/rename.ts')).rename),
  entry(['restart', 'container restart'], async () => (await import('./commands/lifecycle.ts')).restart),
  entry(['rm', 'container rm', 'container remove'], async () => (await import('./commands/rm.ts')).rm),
  entry(['rmi', 'image rm', 'image remove'], async () => (await import('./commands/rmi.ts')).rmi),
  entry(['save', 'image save'], async () => (await import('./commands/save.ts')).save),
  entry(['start', 'container start'], async () => (await import('./commands/start.ts')).start),
  entry(['stats', 'container stats'], async () => (await import('./commands/stats.ts')).stats),
  entry(['stop', 'container stop'], async () => (await import('./commands/lifecycle.ts')).stop),
  entry(['tag', 'image tag'], async () => (await import('./commands/tag.ts')).tag),
  entry(['top', 'container top'], async () => (await import('./commands/top.ts')).top),
  entry(['unpause', 'container unpause'], async () => (await import('./commands/lifecycle.ts')).unpause),
  entry(['update', 'container update'], async () => (await import('./commands/update.ts')).update),
  entry(['wait', 'container wait'], async () => (await import('./commands/wait.ts')).wait),
  entry(['container inspect'], async () => (await import('./commands/inspect.ts')).inspectContainers),
  entry(['container prune'], async () => (await import('./commands/prune.ts')).pruneContainers),
  entry(['image inspect'], async () => (await import('./commands/inspect.ts')).inspectImages),
  entry(['image attach'], async () => (await import('./commands/image-attach.ts')).attach),
  entry(['image attestations'], async () => (await import('./commands/image-attestations.ts')).attestations),
  entry(['image referrers'], async () => (await import('./commands/image-referrers.ts')).referrers),
  entry(['image copy'], async () => (await import('./commands/image-copy.ts')).copy),
  entry(['image squash'], async () => (await import('./commands/image-squash.ts')).squash),
  entry(['image tidy'], async () => (await import('./commands/image-tidy.ts')).tidy),
  entry(['image check', 'image fsck', 'fsck'], async () => (await import('./commands/image-check.ts')).check),
  entry(['image prune'], async () => (await import('./commands/prune.ts')).pruneImages),
  entry(['manifest annotate'], async () => (await import('./commands/manifest.ts')).annotate),
  entry(['manifest create'], async () => (await import('./commands/manifest.ts')).create),
  entry(['manifest push'], async () => (await import('./commands/manifest.ts')).push),
  entry(['manifest rm'], async () => (await import('./commands/manifest.ts')).remove),
  entry(['manifest inspect'], async () => (await import('./commands/manifest-inspect.ts')).inspect),
  entry(['builder prune'], async () => (await import('./commands/builder-prune.ts')).prune),
  entry(['network connect'], async () => (await import('./commands/network.ts')).connect),
  entry(['network create'], async () => (await import('./commands/network.ts')).create),
  entry(['network disconnect'], async () => (await import('./commands/network.ts')).disconnect),
  entry(['network inspect'], async () => (await import('./commands/inspect.ts')).inspectNetworks),
  entry(['network ls', 'network list'], async () => (await import('./commands/network-ls.ts')).list),
  entry(['network prune'], async () => (await import('./commands/prune.ts')).pruneNetworks),
  entry(['network rm', 'network remove'], async () => (await import('./commands/network.ts')).remove),
  entry(['plugin ls', 'plugin list'], async () => (await import('./commands/plugin-ls.ts')).list),
  entry(['system df'], async () => (await import('./commands/system-df.ts')).df),
  entry(['system prune'], async () => (await import('./commands/system-prune.ts')).prune),
  entry(['volume backup'], async () => (await import('./commands/volume-backup.ts')).backup),
  entry(['volume clone'], async () => (await import('./commands/volume-data.ts')).clone),
  entry(['volume cp'], async () => (await import('./commands/volume-cp.ts')).copy),
  entry(['volume create'], async () => (await import('./commands/volume.ts')).create),
  entry(['volume export'], async () => (await import('./commands/volume-data.ts')).exportVolume),
  entry(['volume import'], async () => (await import('./commands/volume-data.ts')).importVolume),
  entry(['volume inspect'], async () => (await import('./commands/inspect.ts')).inspectVolumes),
  entry(['volume ls', 'volume list'], async () => (await import('./commands/volume-ls.ts')).list),
  entry(['volume prune'], async () => (await import('./commands/prune.ts')).pruneVolumes),
  entry(['volume rename'], async () => (await import('./commands/volume-data.ts')).rename),
  entry(['volume restore'], async () => (await import('./commands/volume-backup.ts')).restore),
  entry(['volume rm', 'volume remove'], async () => (await import('./commands/volume.ts')).remove),
  entry(['volume schedule'], async () => (await import('./commands/volume-schedule.ts')).schedule),
  entry(['volume snapshot'], async () => (await import('./commands/volume-data.ts')).snapshot),
];

export const commands: readonly CommandEntry[] = [...commonCommands, ...otherCommands];

/** What Docker's CLI does without the engine, or through what ours serves. */
const DOCKER_CAN = 'docker';
const NO_SWARM = 'Quai has no swarm: its engines work each on its own.';
const COMPOSE = 'docker-compose does it with this engine: DOCKER_HOST=HOST docker-compose WORDS';
const BUILD = 'quai build does it; Buildx itself needs BuildKit.';

/**
 * Commands and groups of the Docker CLI that we do not have, so that they are not taken for slips of the pen, each with what
 * helps instead, `DOCKER_CAN`, or nothing. HOST stands for the engine's address, WORDS for the words after the command.
 */
export const missingCommands: Readonly<Record<string, string>> = {
  buildx: BUILD,
  checkpoint: '',
  compose: COMPOSE,
  config: NO_SWARM,
  context: 'The engine is chosen by --host, QUAI_HOST or DOCKER_HOST.',
  node: NO_SWARM,
  secret: NO_SWARM,
  service: NO_SWARM,
  stack: NO_SWARM,
  swarm: NO_SWARM,
  trust: DOCKER_CAN,
  'plugin create': '',
  'plugin disable': '',
  'plugin enable': '',
  'plugin inspect': '',
  'plugin install': '',
  'plugin push': '',
  'plugin rm': '',
  'plugin set': '',
  'plugin upgrade': '',
  'system dial-stdio': DOCKER_CAN,
  'volume update': NO_SWARM,
};

/** Whether Docker's CLI can do it with our engine. */
export function isForDocker(name: string): boolean {
  return missingCommands[name] === DOCKER_CAN;
}

/** The command that `words` starts with, and how many words its name takes. */
export function findCommand(words: readonly string[]): { entry: CommandEntry; length: number } | undefined {
  const length = words[0] !== undefined && Object.hasOwn(groups, words[0]) ? 2 : 1;
  const path = words.slice(0, length).join(' ');
  const found = commands.find(one => one.paths.includes(path));
  return found && { entry: found, length };
}

function entry(paths: readonly string[], load: CommandEntry['load']): CommandEntry {
  return { paths, load };
}
