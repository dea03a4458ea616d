import { EngineError } from '#base/errors';
import type { Dockerfile, Stage, StageInstruction } from '#spec/dockerfile/instructions';

/** Which stages a build needs. */
export interface BuildPlan {
  /** in the order of the file */
  readonly stages: readonly Stage[];
  readonly target: Stage;
}

/** A stage before `index` by its name or number. */
export function findStage(stages: readonly Stage[], reference: string, before: number): Stage | undefined {
  const name = reference.toLowerCase();
  const named = stages.findLast(stage => stage.index < before && stage.name === name);
  if (named || !/^[0-9]+$/.test(reference)) return named;
  const number = Number(reference);
  return number < before ? stages[number] : undefined;
}

/**
 * The stages that the target needs: what it is made from, and what it copies from and mounts.
 *
 * @param baseOf the base of a stage, variables resolved
 * @throws {EngineError} `invalid` for a target that is not there, with the names that are.
 */
export function planBuild(
  { stages }: Dockerfile,
  target: string | undefined,
  baseOf: (stage: Stage) => string,
): BuildPlan {
  const last =
    target === undefined || target === '' ? stages.at(-1) : findStage(stages, target, stages.length);
  if (!last) throw unknownTarget(target ?? '', stages);
  const needed = new Set<Stage>();
  const pending: Stage[] = [last];
  for (let stage = pending.pop(); stage; stage = pending.pop()) {
    if (needed.has(stage)) continue;
    needed.add(stage);
    const { index } = stage;
    const base = findNamed(stages, baseOf(stage), index);
    const others = stage.instructions.flatMap(referencesOf).map(name => findStage(stages, name, index));
    pending.push(...[base, ...others].filter(other => other !== undefined));
  }
  return { stages: stages.filter(stage => needed.has(stage)), target: last };
}

/** FROM knows stages by their names alone: `FROM 0` is an image. */
export function findNamed(stages: readonly Stage[], name: string, before: number): Stage | undefined {
  return /^[0-9]+$/.test(name) ? undefined : findStage(stages, name, before);
}

/** What an instruction copies from or mounts. */
function referencesOf(instruction: StageInstruction): string[] {
  if (instruction.keyword === 'COPY') return instruction.from === undefined ? [] : [instruction.from];
  if (instruction.keyword !== 'RUN') return [];
  return instruction.mounts.flatMap(({ fields }) => fields['from'] ?? []);
}

/** Docker's wording, and what there is. */
function unknownTarget(target: string, stages: readonly Stage[]): EngineError {
  const names = stages.flatMap(({ name }) => name ?? []);
  const known =
    names.length === 0
      ? `no stage has a name; ${stages.length === 1 ? 'there is stage 0' : `there are 0 to ${stages.length - 1}`}`
      : `there are ${names.join(', ')}`;
  return new EngineError('invalid', `target stage ${JSON.stringify(target)} could not be found: ${known}`);
}
