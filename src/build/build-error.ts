import { EngineError, type ErrorKind } from '#base/errors';

/** Where in the Dockerfile, and what the step was. */
export interface FailedStep {
  /** from 1 */
  readonly line: number;
  /** as {@link BuildVertex.name} */
  readonly vertex: string;
  /** of a RUN whose command ended with another code than 0 */
  readonly exitCode?: number;
  /** the last lines that the step wrote */
  readonly output?: readonly string[];
}

/** A build that ended in one of its steps. The message stands alone: Docker's words where it has some. */
export class BuildStepError extends EngineError {
  readonly step: FailedStep;

  constructor(kind: ErrorKind, message: string, step: FailedStep, options?: { readonly cause?: unknown }) {
    super(kind, message, options);
    this.step = step;
  }
}

/** What `--from` of COPY or of a mount names is not to be had. Never leaves this folder: the step says whose flag it was. */
export class SourceError extends EngineError {
  readonly from: string;

  constructor(kind: ErrorKind, from: string, message: string, options?: { readonly cause?: unknown }) {
    super(kind, message, options);
    this.from = from;
  }
}
