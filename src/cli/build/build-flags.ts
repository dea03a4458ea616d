import type { FlagSet, Invocation } from '../command.ts';

/** The options of Docker's `build`, by its names, letters and types, with those of Buildx and ours that have a meaning here. */
export const buildFlags = {
  'add-host': { type: 'list', help: 'Add a custom host-to-IP mapping ("host:ip")' },
  'build-arg': { type: 'list', help: 'Set build-time variables' },
  'cache-from': { type: 'strings', help: 'Images to consider as cache sources' },
  'cgroup-parent': {
    type: 'string',
    help: 'Set the parent cgroup for the "RUN" instructions during build',
  },
  compress: { type: 'bool', help: 'Compress the build context using gzip' },
  'cpu-period': { type: 'int', help: 'Limit the CPU CFS (Completely Fair Scheduler) period' },
  'cpu-quota': { type: 'int', help: 'Limit the CPU CFS (Completely Fair Scheduler) quota' },
  'cpu-shares': { type: 'int', short: 'c', help: 'CPU shares (relative weight)' },
  'cpuset-cpus': { type: 'string', help: 'CPUs in which to allow execution (0-3, 0,1)' },
  'cpuset-mems': { type: 'string', help: 'MEMs in which to allow execution (0-3, 0,1)' },
  'disable-content-trust': { type: 'bool', on: true, help: 'Accepted for compatibility', hidden: true },
  file: { type: 'string', short: 'f', help: 'Name of the Dockerfile (Default is "PATH/Dockerfile")' },
  'force-rm': { type: 'bool', help: 'Always remove intermediate containers' },
  iidfile: { type: 'string', help: 'Write the image ID to the file' },
  isolation: { type: 'string', help: 'Container isolation technology' },
  label: { type: 'list', help: 'Set metadata for an image' },
  memory: { type: 'bytes', short: 'm', help: 'Memory limit' },
  'memory-swap': {
    type: 'swap',
    shows: 'bytes',
    help: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
  },
  network: {
    type: 'string',
    help: 'Set the networking mode for the RUN instructions during build (default "default")',
  },
  'no-cache': { type: 'bool', help: 'Do not use cache when building the image' },
  'no-cache-filter': { type: 'strings', help: 'Do not use cache for these stages' },
  platform: { type: 'string', help: 'Set platform if server is multi-platform capable' },
  progress: {
    type: 'string',
    help: 'How to show progress: auto, plain, tty, or quiet (default: $BUILDKIT_PROGRESS, auto)',
  },
  pull: { type: 'bool', help: 'Always attempt to pull a newer version of the image' },
  quiet: { type: 'bool', short: 'q', help: 'Suppress the build output and print image ID on success' },
  rm: {
    type: 'bool',
    on: true,
    help: 'Remove intermediate containers after a successful build (default true)',
  },
  secret: {
    type: 'list',
    shows: 'secret',
    help: 'Give RUN a secret that is not in the image: "id=mysecret,src=/local/file" or "id=mysecret,env=NAME"',
  },
  'security-opt': { type: 'strings', help: 'Security options' },
  'shm-size': { type: 'bytes', help: 'Size of "/dev/shm"' },
  squash: { type: 'bool', help: 'Squash newly built layers into a single new layer' },
  tag: { type: 'list', short: 't', help: 'Name and optionally a tag in the "name:tag" format' },
  target: { type: 'string', help: 'Set the target build stage to build.' },
  ulimit: { type: 'list', shows: 'ulimit', help: 'Ulimit options (default [])' },
  // Of Buildx: said honestly rather than taken for slips of the pen.
  load: { type: 'bool', help: 'The image is in the engine anyway', hidden: true },
  allow: { type: 'strings', help: 'Not implemented', hidden: true },
  annotation: { type: 'list', help: 'Not implemented', hidden: true },
  attest: { type: 'list', help: 'Not implemented', hidden: true },
  'build-context': { type: 'list', help: 'Not implemented', hidden: true },
  builder: { type: 'string', help: 'Not implemented', hidden: true },
  'cache-to': { type: 'list', help: 'Not implemented', hidden: true },
  call: { type: 'string', help: 'Not implemented', hidden: true },
  check: { type: 'bool', help: 'Not implemented', hidden: true },
  'metadata-file': { type: 'string', help: 'Not implemented', hidden: true },
  output: { type: 'list', short: 'o', help: 'Not implemented', hidden: true },
  provenance: { type: 'string', help: 'Not implemented', hidden: true },
  push: { type: 'bool', help: 'Not implemented', hidden: true },
  sbom: { type: 'string', help: 'Not implemented', hidden: true },
  ssh: { type: 'list', help: 'Not implemented', hidden: true },
} as const satisfies FlagSet;

export type BuildInvocation = Invocation<typeof buildFlags>;
export type BuildFlags = BuildInvocation['flags'];
