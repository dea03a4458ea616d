import type { Stage } from '#spec/dockerfile/instructions';
import type { BuildWork } from './build-work.ts';
import type { StageNames } from './stage-names.ts';
import type { StageScope } from './stage-scope.ts';
import type { StageState } from './stage-state.ts';
import type { StepResult } from './step-cache.ts';

/** What a step that changes files works with. */
export interface StepContext {
  readonly work: BuildWork;
  readonly stage: Stage;
  readonly names: StageNames;
  readonly scope: StageScope;
  /** of the stage so far */
  readonly state: StageState;
}

export interface MadeStep extends StepResult {
  readonly isCached: boolean;
  /** as the history tells it */
  readonly createdBy: string;
}
