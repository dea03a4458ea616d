import { plainLines } from '#base/plain-text';
import { ApiClient } from '#client/api-client';
import { CliError } from './cli-error.ts';
import type { Command, Invocation } from './command.ts';
import { findCommand } from './command-table.ts';
import type { CliContext, OutputStream } from './context.ts';
import { chooseHost, targetOf } from './endpoint.ts';
import { parseFlags } from './flag-parser.ts';
import { globalFlags } from './global-flags.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * Runs one command line, without the program's name: `['run', '-it', 'debian']`.
 *
 * @returns the exit status: the container's for `run`, 125 for wrong usage, 1 for other failures.
 */
export async function main(argv: readonly string[], around: Surroundings = ownProcess): Promise<number> {
  let command: Command | undefined;
  let context: CliContext | undefined;
  try {
    const { flags, given, args } = await parseFlags(argv, { flags: globalFlags, stopsAtArgument: true });
    if (given.has('version') || given.has('help') || args.length === 0 || args[0] === 'help') {
      return await (await import('./help.ts')).generalHelp(args, given, around);
    }
    refuseUnsupported(given);
    const found = findCommand(args);
    if (!found) return await (await import('./unknown-command.ts')).unknownCommand(args, flags.host, around);
    command = await found.entry.load();
    const invocation = await parseFlags(args.slice(found.length), command);
    if (invocation.given.has('help')) {
      return (await import('./help.ts')).commandHelp(command, found.entry, around);
    }
    await checkArgumentCount(command, invocation);
    context = await openContext(flags, around);
    return await command.run(context, invocation);
  } catch (error) {
    const { report } = await import('./error-report.ts');
    return report(error, { command, context, argv, stderr: around.stderr });
  } finally {
    context?.client.close();
  }
}

async function openContext(
  { host: hostFlag, config }: { readonly host: readonly string[]; readonly config: string },
  around: Surroundings,
): Promise<CliContext> {
  const host = chooseHost(hostFlag, around.env);
  const transport = await around.connect(host);
  return {
    // by name, not by spreading: the process's streams are costly to make, and most commands use only one
    get stdin() {
      return around.stdin;
    },
    get stdout() {
      return around.stdout;
    },
    get stderr() {
      return around.stderr;
    },
    env: around.env,
    configFlag: config,
    host,
    client: new ApiClient({ transport, apiVersion: around.env['DOCKER_API_VERSION'] }),
    now: () => around.now(),
    print: text => void around.stdout.write(`${text}\n`),
    warn: text => void around.stderr.write(`${plainLines(text)}\n`),
  };
}

function refuseUnsupported(given: ReadonlySet<string>): void {
  for (const name of ['context', 'tls', 'tlsverify', 'tlscacert', 'tlscert', 'tlskey']) {
    if (given.has(name)) throw new CliError(`not implemented: --${name}; choose the engine with --host`);
  }
}

async function checkArgumentCount(command: Command, { args }: Invocation): Promise<void> {
  const { min, max = Number.POSITIVE_INFINITY } = command.args;
  if (args.length >= min && args.length <= max) return;
  const { argumentCountError } = await import('./error-report.ts');
  throw argumentCountError(command, args);
}

const ownProcess: Surroundings = {
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return guarded(process.stdout);
  },
  get stderr() {
    return guarded(process.stderr);
  },
  env: process.env,
  now: Date.now,
  // loaded when it is needed: help does without
  connect: async host => new (await import('#client/http-transport')).HttpTransport(targetOf(host)),
};

if (import.meta.main) {
  const status = await main(process.argv.slice(2));
  await flushed(guarded(process.stdout));
  await flushed(guarded(process.stderr));
  // Not left to the event loop: a terminal or pipe that we read from would keep us.
  process.exit(status);
}

/** The reader may go, as in `quai ps | head -1`: nobody is left to tell. */
function guarded<Stream extends NodeJS.WriteStream>(stream: Stream): Stream {
  if (stream.listenerCount('error') === 0) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1));
  }
  return stream;
}

/** A pipe whose reader is slow takes 64 KiB at once; the rest would be lost with the process. */
async function flushed(stream: OutputStream): Promise<void> {
  if (stream.writableLength === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.write('', () => resolve()); // called when everything before it is out, or failed
  await promise;
}
