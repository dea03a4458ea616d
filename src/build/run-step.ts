import { EngineError, notImplemented } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import type { RunInstruction } from '#spec/dockerfile/instructions';
import { type ResolvedRunMount, resolveRunMount } from '#spec/dockerfile/run-mount';
import type { BuildVertex } from './build-event.ts';
import type { BuildRequest } from './build-request.ts';
import type { StepTools } from './build-work.ts';
import { digestOfCopy } from './copy-step.ts';
import { commandOf } from './run-command.ts';
import { NonZeroExit, OutputTail, runError } from './run-failure.ts';
import type { RunScript } from './run-mounts.ts';
import { chainOf } from './stage-state.ts';
import type { MadeStep, StepContext } from './step-context.ts';
import { stepKey } from './step-key.ts';

/** All that decides what a command leaves behind. */
interface RunParts {
  readonly below: Digest | undefined;
  readonly args: readonly string[];
  readonly script: RunScript | undefined;
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly network: string;
  readonly extraHosts: readonly string[];
}

/** RUN. @throws {BuildStepError} when the command fails; {EngineError} for what it asks for and does not get. */
export async function runStep(
  instruction: RunInstruction,
  vertex: BuildVertex,
  context: StepContext,
): Promise<MadeStep> {
  const { work, scope, state } = context;
  checkRights(instruction, work.request);
  const pairs = scope.argumentPairs();
  const mounts = instruction.mounts.map(mount => resolveRunMount(mount, word => scope.expand(word)));
  const parts = runParts(instruction, pairs, context);
  const contents = await Promise.all(mounts.map(mount => contentOf(mount, context)));
  const createdBy = ['RUN', ...(pairs.length > 0 ? [`|${pairs.length}`, ...pairs] : []), ...parts.args].join(
    ' ',
  );
  const tail = new OutputTail();
  try {
    const made = await work.step({
      keys: [() => stepKey('run', { ...parts, mounts, contents })],
      description: createdBy,
      common: commonOf(mounts, context),
      state,
      stage: context.names,
      onOutput: async (stream, data) => {
        tail.add(data);
        await work.progress.tell({ type: 'log', vertex, stream, data, at: Date.now() });
      },
      make: tools => execute(parts, mounts, context, tools),
    });
    return { ...made, createdBy };
  } catch (error) {
    throw runError(error, { args: parts.args, tail, instruction, vertex });
  }
}

function runParts(
  instruction: RunInstruction,
  pairs: readonly string[],
  { work, state }: StepContext,
): RunParts {
  const { config } = state;
  const { args, script } = commandOf(instruction, config.Shell);
  return {
    below: chainOf(state),
    args,
    script,
    env: [...pairs, ...(config.Env ?? [])],
    user: config.User ?? '',
    workingDir: config.WorkingDir ?? '/',
    network: instruction.network ?? work.request.networkMode ?? 'default',
    extraHosts: work.request.extraHosts ?? [],
  };
}

/** One build's step must neither fail for what another lacks, nor print another's secrets. Only ever in memory. */
function commonOf(mounts: readonly ResolvedRunMount[], { work, scope }: StepContext): Digest {
  const { secrets, limits, securityOpt } = work.request;
  const used = mounts.flatMap(mount => {
    if (mount.type !== 'secret') return [];
    const content = secrets?.get(mount.id);
    return [[mount.id, content ? digestOf(content) : null]];
  });
  return digestOf(JSON.stringify([used, scope.proxyPairs(), limits ?? {}, securityOpt ?? []]));
}

async function execute(
  parts: RunParts,
  mounts: readonly ResolvedRunMount[],
  { work, scope, stage }: StepContext,
  { onOutput, store, signal }: StepTools,
): Promise<void> {
  const { limits = {}, securityOpt = [], secrets = new Map() } = work.request;
  const { workingDir, script } = parts;
  const sources = {
    open: (from: string | undefined) => work.sources.open(from, stage.index),
    secrets,
    scratch: work.scratch,
    workingDir,
  };
  const code = await work.runs.run(
    {
      ...parts,
      env: [...scope.proxyPairs(), ...parts.env],
      limits,
      securityOpt,
      place: (place, running) =>
        work.mounts.place(mounts, sources, place, {
          parts: running,
          signal,
          ...(script ? { script } : {}),
        }),
    },
    onOutput,
    store,
    { signal },
  );
  if (code !== 0) throw new NonZeroExit(code);
}

/** The one gate for rights that no container has by itself. */
function checkRights(
  { security, devices, network }: RunInstruction,
  { networkMode }: Pick<BuildRequest, 'networkMode'>,
): void {
  if (security === 'insecure') {
    throw new EngineError(
      'forbidden',
      'RUN --security=insecure is not allowed: a build gets no more rights than a container has',
    );
  }
  // A Dockerfile is a stranger's: what listens on this machine alone is opened by who builds.
  if (network === 'host' && networkMode !== 'host') {
    throw new EngineError(
      'forbidden',
      'RUN --network=host is not allowed: the build was not given the network of the host; build with --network host',
    );
  }
  if (devices.length > 0) throw notImplemented('RUN --device');
}

/** What a mount brings counts by its content; what a cache begins with, too. What it holds, and secrets, do not count. */
async function contentOf(mount: ResolvedRunMount, { work, stage }: StepContext): Promise<Digest | undefined> {
  const isFilled = mount.type === 'cache' && mount.from !== undefined;
  if (mount.type !== 'bind' && !isFilled) return undefined;
  const { from, source } = mount;
  const { signal, scratch } = work;
  const chain = await work.sources.chainOf(from, stage.index);
  if (chain !== undefined) return stepKey('mounted', { chain, source });
  const view = await work.sources.open(from, stage.index);
  const plan = {
    keyword: 'COPY',
    sources: [source || '/'],
    files: [],
    destination: '/',
    exclude: [],
    keepsParents: false,
    unpacks: false,
    remotes: [],
    keepsGitDir: false,
    unpacksRemote: false,
  } as const;
  const ignores = work.sources.ignoresOf(from);
  const trees = { source: view, ignores, isContext: true, added: [], scratch };
  return await digestOfCopy(plan, trees, work, { signal });
}
