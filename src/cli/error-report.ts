import { messageOf } from '#base/errors';
import { plainLines } from '#base/plain-text';
import { hasCurlyQuotes } from '#base/spelling';
import { ApiError, ConnectionError, LostConnectionError } from '#client/api-error';
import { CliError, UsageError } from './cli-error.ts';
import type { Command } from './command.ts';
import type { CliContext, OutputStream } from './context.ts';
import { accessSteps, socketFacts } from './socket-access.ts';
import { startFacts, startStep } from './start-step.ts';

export interface Failure {
  readonly command: Command | undefined;
  readonly context: CliContext | undefined;
  readonly argv: readonly string[];
  readonly stderr: OutputStream;
}

/** Says on stderr what went wrong and what to do. @returns the exit status. */
export function report(error: unknown, failure: Failure): number {
  const lines = [...describe(error, failure)];
  if (!(error instanceof UsageError) && failure.argv.some(hasCurlyQuotes)) {
    lines.push(
      'Note: the command line has curly quotes, which a shell does not take for quotes; write "..." or \'...\'.',
    );
  }
  failure.stderr.write(`${plainLines(lines.join('\n'))}\n`);
  if (failure.argv.includes('-D') || failure.argv.includes('--debug')) {
    failure.stderr.write(`${plainLines((error instanceof Error && error.stack) || '')}\n`);
  }
  if (error instanceof UsageError) return USAGE_STATUS;
  return error instanceof CliError ? error.status : 1;
}

/** The status of Docker's CLI for flags it does not understand. */
const USAGE_STATUS = 125;

function describe(error: unknown, { command }: Failure): string[] {
  if (!(error instanceof UsageError)) return [explain(error)];
  const lines = [error.message];
  if (error.hint) lines.push(`  ${error.hint}`);
  if (command) lines.push('', `Usage:  quai ${command.usage}`);
  lines.push('', `Run 'quai ${command ? `${nameOf(command)} ` : ''}--help' for more information`);
  return lines;
}

/** One error in words, as every command says it. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return `Error response from daemon: ${error.message}`;
  if (error instanceof ConnectionError) return explainConnection(error);
  if (error instanceof LostConnectionError) {
    return `${error.message}: containers run on without it; call this again when it is back`;
  }
  if (error instanceof Error && (error.name === 'TemplateError' || error.name === 'UnknownNameError')) {
    return `template: ${error.message}`;
  }
  return messageOf(error);
}

function explainConnection({ address, code }: ConnectionError): string {
  if (code === 'EACCES' || code === 'EPERM') {
    return [
      `permission denied while trying to connect to the Quai daemon socket at ${address}`,
      accessSteps(socketFacts(address)),
    ].join('\n');
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return [
      `Cannot connect to the Quai daemon at ${address}: no host of that name is known`,
      'The address of a socket on this machine is written unix:///path/to.sock.',
    ].join('\n');
  }
  if (!address.startsWith('unix://')) {
    return [
      `Cannot connect to the Quai daemon at ${address}${code ? `: ${code}` : ''}. Check host and port.`,
      'The quai daemon itself listens on Unix sockets only; one on another machine is reached through ssh:',
      '  ssh -nNT -L /tmp/quai.sock:/run/quai.sock HOST    and then: quai -H unix:///tmp/quai.sock …',
    ].join('\n');
  }
  return [
    `Cannot connect to the Quai daemon at ${address}. Is the quai daemon running?`,
    `Start it with: ${startStep(address, startFacts())}`,
    'Another engine can be chosen with --host, QUAI_HOST or DOCKER_HOST.',
  ].join('\n');
}

/** Docker's wording for too few or too many arguments. */
export function argumentCountError(command: Command, args: readonly string[]): CliError {
  const { min, max } = command.args;
  const name = nameOf(command);
  const flagHint = args.find(arg => /^-\w|^--\w/.test(arg));
  const lines = [`quai: 'quai ${name}' ${wanted(min, max)}`];
  if (flagHint) lines.push(`  "${flagHint}" stands after "--" and was taken for an argument`);
  const hint = command.countHint?.(args);
  if (hint !== undefined) lines.push(`  ${hint}`);
  lines.push('', `Usage:  quai ${command.usage}`, '', `Run 'quai ${name} --help' for more information`);
  return new CliError(lines.join('\n'));
}

function wanted(min: number, max: number | undefined): string {
  if (max === 0) return 'accepts no arguments';
  if (max === undefined) return `requires at least ${counted(min)}`;
  if (min === max) return `requires ${counted(min)}`;
  return min === 0
    ? `requires at most ${counted(max)}`
    : `requires at least ${min} and at most ${counted(max)}`;
}

function counted(n: number): string {
  return n === 1 ? '1 argument' : `${n} arguments`;
}

/** The words of the usage line that are the command's name: `network create`. */
export function nameOf(command: Pick<Command, 'usage'>): string {
  return /^[a-z]+(?: [a-z]+)*/.exec(command.usage)?.[0] ?? '';
}
