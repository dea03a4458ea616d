import type { Command } from './command.ts';

export type Section = 'Common Commands' | 'Management Commands' | 'Commands' | 'Engine Commands';

export interface CommandEntry {
  /** Every way to call it, the usual one first; `container ls` is two words. */
  readonly paths: readonly string[];
  readonly summary: string;
  readonly section: Section;
  /** Loaded when it is run, so that starting costs no more than the command itself. */
  readonly load: () => Promise<Command>;
}

/** Commands that the launcher `./quai` runs itself, as they need the engine's side of the code. */
export const launcherCommands = [
  { name: 'daemon', summary: 'Run the engine in the foreground' },
  { name: 'check', summary: 'Check what this machine needs to run containers' },
  { name: 'setup', summary: 'Install what is missing on this machine' },
] as const;

/** First words that only group others. */
export const groups: Readonly<Record<string, string>> = {
  container: 'Manage containers',
  image: 'Manage images',
  network: 'Manage networks',
  system: 'Manage Quai',
  volume: 'Manage volumes',
};

export const commands: readonly CommandEntry[] = [
  entry(
    'Common Commands',
    ['run', 'container run'],
    'Create and run a new container from an image',
    async () => (await import('./commands/run.ts')).run,
  ),
  entry(
    'Common Commands',
    ['exec', 'container exec'],
    'Execute a command in a running container',
    async () => (await import('./commands/exec.ts')).exec,
  ),
  entry(
    'Common Commands',
    ['ps', 'container ls', 'container list', 'container ps'],
    'List containers',
    async () => (await import('./commands/ps.ts')).ps,
  ),
  entry(
    'Common Commands',
    ['pull', 'image pull'],
    'Download an image from a registry',
    async () => (await import('./commands/pull.ts')).pull,
  ),
  entry(
    'Common Commands',
    ['images', 'image ls', 'image list'],
    'List images',
    async () => (await import('./commands/images.ts')).images,
  ),
  entry(
    'Common Commands',
    ['version'],
    'Show the version information of client and engine',
    async () => (await import('./commands/version.ts')).version,
  ),
  entry(
    'Common Commands',
    ['info', 'system info'],
    'Display system-wide information',
    async () => (await import('./commands/info.ts')).info,
  ),

  entry(
    'Commands',
    ['attach', 'container attach'],
    'Attach local standard input, output, and error streams to a running container',
    async () => (await import('./commands/attach.ts')).attach,
  ),
  entry(
    'Commands',
    ['create', 'container create'],
    'Create a new container',
    async () => (await import('./commands/create.ts')).create,
  ),
  entry(
    'Commands',
    ['events', 'system events'],
    'Get real time events from the engine',
    async () => (await import('./commands/events.ts')).events,
  ),
  entry(
    'Commands',
    ['import', 'image import'],
    'Import the contents from a tarball to create a filesystem image',
    async () => (await import('./commands/import.ts')).importImage,
  ),
  entry(
    'Commands',
    ['inspect'],
    'Return low-level information on objects of the engine',
    async () => (await import('./commands/inspect.ts')).inspect,
  ),
  entry(
    'Commands',
    ['kill', 'container kill'],
    'Kill one or more running containers',
    async () => (await import('./commands/lifecycle.ts')).kill,
  ),
  entry(
    'Commands',
    ['load', 'image load'],
    'Load an image from a tar archive or STDIN',
    async () => (await import('./commands/load.ts')).load,
  ),
  entry(
    'Commands',
    ['logs', 'container logs'],
    'Fetch the logs of a container',
    async () => (await import('./commands/logs.ts')).logs,
  ),
  entry(
    'Commands',
    ['pause', 'container pause'],
    'Pause all processes within one or more containers',
    async () => (await import('./commands/lifecycle.ts')).pause,
  ),
  entry(
    'Commands',
    ['port', 'container port'],
    'List port mappings or a specific mapping for the container',
    async () => (await import('./commands/port.ts')).port,
  ),
  entry(
    'Commands',
    ['rename', 'container rename'],
    'Rename a container',
    async () => (await import('./commands/rename.ts')).rename,
  ),
  entry(
    'Commands',
    ['restart', 'container restart'],
    'Restart one or more containers',
    async () => (await import('./commands/lifecycle.ts')).restart,
  ),
  entry(
    'Commands',
    ['rm', 'container rm', 'container remove'],
    'Remove one or more containers',
    async () => (await import('./commands/rm.ts')).rm,
  ),
  entry(
    'Commands',
    ['rmi', 'image rm', 'image remove'],
    'Remove one or more images',
    async () => (await import('./commands/rmi.ts')).rmi,
  ),
  entry(
    'Commands',
    ['start', 'container start'],
    'Start one or more stopped containers',
    async () => (await import('./commands/start.ts')).start,
  ),
  entry(
    'Commands',
    ['stop', 'container stop'],
    'Stop one or more running containers',
    async () => (await import('./commands/lifecycle.ts')).stop,
  ),
  entry(
    'Commands',
    ['tag', 'image tag'],
    'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
    async () => (await import('./commands/tag.ts')).tag,
  ),
  entry(
    'Commands',
    ['top', 'container top'],
    'Display the running processes of a container',
    async () => (await import('./commands/top.ts')).top,
  ),
  entry(
    'Commands',
    ['unpause', 'container unpause'],
    'Unpause all processes within one or more containers',
    async () => (await import('./commands/lifecycle.ts')).unpause,
  ),
  entry(
    'Commands',
    ['wait', 'container wait'],
    'Block until one or more containers stop, then print their exit codes',
    async () => (await import('./commands/wait.ts')).wait,
  ),

  entry(
    'Commands',
    ['container inspect'],
    'Display detailed information on one or more containers',
    async () => (await import('./commands/inspect.ts')).inspectContainers,
  ),
  entry(
    'Commands',
    ['container prune'],
    'Remove all stopped containers',
    async () => (await import('./commands/prune.ts')).pruneContainers,
  ),
  entry(
    'Commands',
    ['image inspect'],
    'Display detailed information on one or more images',
    async () => (await import('./commands/inspect.ts')).inspectImages,
  ),
  entry(
    'Commands',
    ['network connect'],
    'Connect a container to a network',
    async () => (await import('./commands/network.ts')).connect,
  ),
  entry(
    'Commands',
    ['network create'],
    'Create a network',
    async () => (await import('./commands/network.ts')).create,
  ),
  entry(
    'Commands',
    ['network disconnect'],
    'Disconnect a container from a network',
    async () => (await import('./commands/network.ts')).disconnect,
  ),
  entry(
    'Commands',
    ['network inspect'],
    'Display detailed information on one or more networks',
    async () => (await import('./commands/inspect.ts')).inspectNetworks,
  ),
  entry(
    'Commands',
    ['network ls', 'network list'],
    'List networks',
    async () => (await import('./commands/network-ls.ts')).list,
  ),
  entry(
    'Commands',
    ['network prune'],
    'Remove all unused networks',
    async () => (await import('./commands/prune.ts')).pruneNetworks,
  ),
  entry(
    'Commands',
    ['network rm', 'network remove'],
    'Remove one or more networks',
    async () => (await import('./commands/network.ts')).remove,
  ),
  entry(
    'Commands',
    ['volume create'],
    'Create a volume',
    async () => (await import('./commands/volume.ts')).create,
  ),
  entry(
    'Commands',
    ['volume inspect'],
    'Display detailed information on one or more volumes',
    async () => (await import('./commands/inspect.ts')).inspectVolumes,
  ),
  entry(
    'Commands',
    ['volume ls', 'volume list'],
    'List volumes',
    async () => (await import('./commands/volume-ls.ts')).list,
  ),
  entry(
    'Commands',
    ['volume prune'],
    'Remove unused local volumes',
    async () => (await import('./commands/prune.ts')).pruneVolumes,
  ),
  entry(
    'Commands',
    ['volume rm', 'volume remove'],
    'Remove one or more volumes',
    async () => (await import('./commands/volume.ts')).remove,
  ),
];

/** Commands and groups of the Docker CLI that we do not have, so that they are not taken for slips of the pen. */
export const missingCommands: readonly string[] = [
  'build',
  'builder',
  'buildx',
  'checkpoint',
  'commit',
  'compose',
  'config',
  'context',
  'cp',
  'diff',
  'export',
  'history',
  'login',
  'logout',
  'manifest',
  'node',
  'plugin',
  'push',
  'save',
  'search',
  'secret',
  'service',
  'stack',
  'stats',
  'swarm',
  'trust',
  'update',
  'container commit',
  'container cp',
  'container diff',
  'container export',
  'container stats',
  'container update',
  'image build',
  'image history',
  'image prune',
  'image push',
  'image save',
  'system df',
  'system prune',
  'volume update',
];

/** The command that `words` starts with, and how many words its name takes. */
export function findCommand(words: readonly string[]): { entry: CommandEntry; length: number } | undefined {
  const length = words[0] !== undefined && Object.hasOwn(groups, words[0]) ? 2 : 1;
  const path = words.slice(0, length).join(' ');
  const found = commands.find(one => one.paths.includes(path));
  return found && { entry: found, length };
}

function entry(
  section: Section,
  paths: readonly string[],
  summary: string,
  load: CommandEntry['load'],
): CommandEntry {
  return { paths, summary, section, load };
}
