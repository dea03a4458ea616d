import type { Stage } from '#spec/dockerfile/instructions';

export interface StageNames {
  /** `builder`, `stage-1`; empty where the file has but one stage without a name */
  readonly shown: string;
  /** name or number */
  readonly name: string;
}

export function stageNames({ index, name }: Stage, stageCount: number): StageNames {
  if (name !== undefined) return { shown: name, name };
  return { shown: stageCount === 1 ? '' : `stage-${index}`, name: String(index) };
}
