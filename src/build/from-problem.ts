import { EngineError, messageOf } from '#base/errors';
import { nearest } from '#base/spelling';
import type { Stage } from '#spec/dockerfile/instructions';
import { SourceError } from './build-error.ts';
import { stageNames } from './stage-names.ts';

/** Refuses a stage that takes files from itself. The wording is Docker's. */
export function refuseItself(stages: readonly Stage[], reference: string, asking: number): void {
  const own = stages[asking];
  if (!own || (reference.toLowerCase() !== own.name && reference !== String(asking))) return;
  const { name } = stageNames(own, stages.length);
  throw new SourceError('invalid', reference, `circular dependency detected on stage: ${name}`);
}

/** What is said of a number that no stage before has. */
export function noSuchStage(stages: readonly Stage[], reference: string): SourceError {
  const later = stages[Number(reference)];
  const where = later ? `: it is defined further down, in line ${later.from.lines.first}` : '';
  return new SourceError(
    'invalid',
    reference,
    `invalid from flag value ${reference}: there is no such stage before${where}`,
  );
}

/** An image that is not to be had, which was perhaps meant to be a stage. */
export function noSuchSource(
  stages: readonly Stage[],
  reference: string,
  asking: number,
  error: unknown,
): unknown {
  if (!(error instanceof EngineError) || error.kind === 'cancelled') return error;
  const hint = /[/:@]/.test(reference) ? '' : `${stageHint(stages, reference, asking)}, and as an image: `;
  return new SourceError(error.kind, reference, `${hint}${messageOf(error)}`, { cause: error });
}

function stageHint(stages: readonly Stage[], reference: string, asking: number): string {
  const name = reference.toLowerCase();
  const later = stages.find(stage => stage.name === name);
  if (later) {
    return `no stage of this name comes before (it is defined further down, in line ${later.from.lines.first})`;
  }
  const before = stages.slice(0, asking).flatMap(stage => stage.name ?? []);
  const meant = nearest(name, before);
  return meant === undefined ? 'no stage of this name' : `no stage of this name (did you mean ${meant}?)`;
}
