import { join } from 'node:path';
import { EngineError } from '#base/errors';
import type { StartGate } from './start-gate.ts';

/** An OCI runtime program. */
export interface RuntimeProgram {
  readonly path: string;
  readonly gate: StartGate;
}

/**
 * Files of the runtime, all on a tmpfs:
 *
 *   <runDir>/
 *     records/<id>          what there is of each container
 *     exits/<id>            exit codes, by conmon
 *     tty/                  sockets over which the runtime hands conmon a terminal
 *     crun/<id>/, runc/…    state of each OCI runtime (its --root)
 *   <bundle>/               one per container, chosen by the caller
 *     config.json, pidfile, oom, attach, ctl, winsz
 *     exec/<exec id>/       one per running exec: process.json and the same again
 */
export class RuntimeLayout {
  readonly runDir: string;
  readonly #programs: ReadonlyMap<string, RuntimeProgram>;

  constructor(runDir: string, programs: ReadonlyMap<string, RuntimeProgram>) {
    this.runDir = runDir;
    this.#programs = programs;
  }

  get records(): string {
    return join(this.runDir, 'records');
  }

  get exits(): string {
    return join(this.runDir, 'exits');
  }

  get consoles(): string {
    return join(this.runDir, 'tty');
  }

  /** @throws {EngineError} `invalid` for a runtime that is not configured; the wording is Docker's. */
  program(runtime: string): RuntimeProgram {
    const program = this.#programs.get(runtime);
    if (!program) throw new EngineError('invalid', `unknown or invalid runtime name: ${runtime}`);
    return program;
  }

  stateRoot(runtime: string): string {
    return join(this.runDir, runtime);
  }

  stateDir(runtime: string, id: string): string {
    return join(this.runDir, runtime, id);
  }
}

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** IDs become file names. @throws {RangeError} for one that is none of ours. */
export function assertId(id: string): void {
  if (!SAFE_ID.test(id)) throw new RangeError(`not an ID: ${JSON.stringify(id)}`);
}
