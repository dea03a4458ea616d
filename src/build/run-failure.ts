import { EngineError } from '#base/errors';
import { ProcessStartError } from '#runtime/process-runtime';
import type { RunInstruction } from '#spec/dockerfile/instructions';
import { BuildStepError } from './build-error.ts';
import type { BuildVertex } from './build-event.ts';

/** The last lines that a step writes, bounded. */
export class OutputTail {
  #text = '';

  add(data: Buffer): void {
    this.#text = (this.#text + data.toString('utf8')).slice(-MOST_CHARACTERS);
  }

  get lines(): string[] {
    const lines = this.#text.split('\n').map(line => line.replace(/\r$/, ''));
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-MOST_LINES);
  }
}

const MOST_CHARACTERS = 16 * 1024;
const MOST_LINES = 20;

interface Hint {
  readonly command: RegExp;
  /** what the command does not have */
  readonly without?: RegExp;
  readonly output: RegExp;
  /** `$1`: what the output has there */
  readonly text: string;
}

const APT = /\bapt(-get)?\b/;
const APT_UPDATE = /\bapt(?:-get)?\s(?:[^;&|]{0,100}\s)?update\b/;
const NO_PACKAGE =
  /(?:Unable to locate package|Couldn't find any package by (?:glob|regex)|Package) '?([\w.+:-]{1,100})'?(?:\s*$| has no installation candidate)/m;

/** What people stumble over again and again, and what helps. */
const HINTS: readonly Hint[] = [
  {
    command: APT,
    output: /Do you want to continue\? \[Y\/n\]|\bAbort\.\s*$/m,
    text: 'it asks a question, and nobody can answer in a build: give -y (apt-get install -y …)',
  },
  {
    command: /\b(?:yum|dnf|microdnf)\b/,
    output: /Is this ok \[y\/(?:d\/)?N\]/,
    text: 'it asks a question, and nobody can answer in a build: give -y',
  },
  {
    command: /./,
    output:
      /(?:Temporary failure in name resolution|Could not resolve host|Temporary failure resolving|bad address)/i,
    text: 'names cannot be looked up in the network of the build: see the DNS servers of the host, or --network',
  },
  {
    command: APT,
    without: APT_UPDATE,
    output: /404\s+Not Found/,
    text: 'the lists of packages are old: RUN apt-get update && apt-get install … in one step',
  },
  {
    command: APT,
    output: /does not have a Release file|404\s+Not Found/,
    text:
      'the mirrors do not have the packages of this release any more, as of one that is no longer maintained: ' +
      'take a newer base image, or an archive of old releases as mirror',
  },
  {
    command: APT,
    without: APT_UPDATE,
    output: NO_PACKAGE,
    text: 'the lists of packages are not there, or have no $1: RUN apt-get update && apt-get install … in one step',
  },
  {
    command: APT,
    output: NO_PACKAGE,
    text: 'this release has no package $1: see how it is written, or what it is called there',
  },
  {
    command: /./,
    output: /[Nn]o space left on device/,
    text: 'the disk is full: quai system df shows what takes the space',
  },
];

/** What a failed command is probably about, or nothing. */
export function hintFor(command: string, output: readonly string[], exitCode: number): string | undefined {
  if (exitCode === 137) return 'it was killed, perhaps as it needed more memory than there is';
  const text = output.join('\n');
  for (const hint of HINTS) {
    if (!hint.command.test(command) || hint.without?.test(command)) continue;
    const found = hint.output.exec(text);
    if (found) return hint.text.replace('$1', () => found[1] ?? '');
  }
  return undefined;
}

/** What a step that did not succeed fails with. The wording is Docker's. */
export function runError(
  error: unknown,
  {
    args,
    tail,
    instruction,
    vertex,
  }: { args: readonly string[]; tail: OutputTail; instruction: RunInstruction; vertex: BuildVertex },
): unknown {
  const line = instruction.lines.first;
  const command = args.join(' ');
  if (error instanceof ProcessStartError) {
    return new BuildStepError(
      'invalid',
      `the command '${command.slice(0, 200)}' cannot be started: ${error.message}`,
      {
        line,
        vertex: vertex.name,
        exitCode: error.exitCode,
      },
    );
  }
  if (!(error instanceof NonZeroExit)) return error;
  const output = tail.lines;
  const hint = hintFor(command, output, error.code);
  const message = `The command '${command}' returned a non-zero code: ${error.code}`;
  return new BuildStepError('invalid', hint === undefined ? message : `${message}: ${hint}`, {
    line,
    vertex: vertex.name,
    exitCode: error.code,
    output,
  });
}

/** A command that ended with another code than 0; never leaves this folder. */
export class NonZeroExit extends EngineError {
  readonly code: number;

  constructor(code: number) {
    super('invalid', `exit code ${code}`);
    this.code = code;
  }
}
