import type { Digest } from '#base/ids';
import { workingDirectory } from '#image/config-change';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import type { AddInstruction, CopyInstruction, WorkdirInstruction } from '#spec/dockerfile/instructions';
import type { AddedSource } from './add-sources.ts';
import { shortened } from './build-vertices.ts';
import type { BuildWork, StepTools } from './build-work.ts';
import { type CopyPlan, planCopy } from './copy-plan.ts';
import { type CopyTrees, copyLayer, digestOfCopy } from './copy-step.ts';
import { chainOf } from './stage-state.ts';
import type { MadeStep, StepContext } from './step-context.ts';
import { stepKey } from './step-key.ts';

/**
 * COPY and ADD. No container is made: the layer is written from what is copied, and what is below is only looked at for users and links.
 *
 * What comes from a stage or image is first looked up by the layers of that; then, as what comes from a context, by content.
 */
export async function transferStep(
  instruction: CopyInstruction | AddInstruction,
  { work, stage, names, scope, state }: StepContext,
): Promise<MadeStep> {
  const plan = planCopy(instruction, scope, state.config.WorkingDir ?? '/');
  // Where something was fetched from makes no difference: what it is does.
  const { from, sources, remotes: _remotes, ...what } = plan;
  const { signal, scratch } = work;
  const below = chainOf(state);
  const chain = await work.sources.chainOf(from, stage.index);
  const trees = async (): Promise<CopyTrees> => ({
    source: await work.sources.open(from, stage.index),
    ignores: work.sources.ignoresOf(from),
    isContext: work.sources.isContext(from),
    added: await addedSources(plan, work),
    scratch,
  });
  const byContent = async (): Promise<Digest> =>
    stepKey('copy', { below, what, content: await digestOfCopy(plan, await trees(), work, { signal }) });
  const createdBy = shortened(instruction.original);
  const made = await work.step({
    keys: [
      ...(chain === undefined ? [] : [() => stepKey('copy', { below, what, sources, chain })]),
      byContent,
    ],
    description: createdBy,
    state,
    stage: names,
    make: async ({ store, signal: stop }) => {
      await using base = below === undefined ? undefined : work.view(below);
      const over = { base, createdSeconds: work.createdSeconds() };
      const { tar, ended } = await copyLayer(plan, await trees(), over, work, { signal: stop });
      try {
        await store(tar);
      } finally {
        tar.destroy();
        await ended; // what it reads is open until then
      }
    },
  });
  return { ...made, createdBy };
}

/** One after the other: a build asks nobody's server for many things at a time. */
async function addedSources(
  { remotes, checksum, keepsGitDir, unpacksRemote: unpacks }: CopyPlan,
  { sources, signal }: BuildWork,
): Promise<AddedSource[]> {
  const added: AddedSource[] = [];
  for (const address of remotes) {
    const request = { address, keepsGitDir, unpacks, ...(checksum !== undefined && { checksum }) };
    added.push(await sources.added(request, signal));
  }
  return added;
}

/** WORKDIR makes the directory, where it is not there, for the user that the stage has by then. */
export async function workdirStep(
  instruction: WorkdirInstruction,
  { work, names, scope, state }: StepContext,
): Promise<{ readonly path: string; readonly made: MadeStep }> {
  const path = workingDirectory(state.config.WorkingDir, scope.expand(instruction.path));
  const below = chainOf(state);
  const user = state.config.User ?? '';
  const createdBy = `WORKDIR ${path}`;
  const make = async ({ store, signal }: StepTools): Promise<void> => {
    await using base = below === undefined ? undefined : work.view(below);
    const { uid, gid } = base && user !== '' ? lookUpUser(base.fd, user) : { uid: 0, gid: 0 };
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const input = {
      parts: [],
      exclude: [],
      destination: path === '/' ? '/' : `${path}/`,
      ...(base ? { base: base.fd } : {}),
      owner: { uid, gid },
      keepsParents: false,
      createdSeconds: work.createdSeconds(),
    };
    const tar = work.jail.copy(input, { signal, onEnd: resolve });
    try {
      await store(tar);
    } finally {
      tar.destroy();
      await ended;
    }
  };
  const keys = [() => stepKey('workdir', { below, path, user })];
  const made = await work.step({ keys, description: createdBy, state, stage: names, make });
  return { path, made: { ...made, createdBy } };
}
