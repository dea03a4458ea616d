import { rmSync, writeFileSync } from 'node:fs';
import type { QueryValue } from '#client/api-client';
import { textAt } from '#client/json';
import { jsonLines } from '#client/json-lines';
import { registryConfigHeader } from '../build/all-credentials.ts';
import { type OpenedContext, openContext } from '../build/build-context.ts';
import { withExcerpt } from '../build/build-failure.ts';
import { type BuildFlags, buildFlags } from '../build/build-flags.ts';
import { buildQuery, refuseMissing } from '../build/build-request.ts';
import { cancelledBySignal } from '../build/cancelled-by-signal.ts';
import { showClassic } from '../build/classic-output.ts';
import { showOwn } from '../build/own-output.ts';
import { readSecrets } from '../build/secrets.ts';
import { SentContext } from '../build/sent-context.ts';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { humanSize } from '../format/human.ts';

export const build = command({
  usage: 'build [OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  flags: buildFlags,
  args: { min: 1, max: 1 },
  countHint,
  async run(context, { flags, given, args: [place = ''] }) {
    refuseMissing(flags, given);
    const how = progressMode(context, flags);
    const query = buildQuery(flags, context.env);
    if (flags.iidfile !== '') rmSync(flags.iidfile, { force: true }); // none is left of an earlier build if this one fails
    const opened = await openContext(context, place, flags.file);
    let imageId: string;
    try {
      imageId = await cancelledBySignal(signal =>
        withExcerpt(context, opened.shown, () => send(context, flags, { opened, query, how, signal })),
      );
    } finally {
      opened.close?.();
    }
    if (flags.iidfile === '') return 0;
    if (imageId === '')
      throw new CliError(`Server did not provide an image ID. Cannot write ${flags.iidfile}`); // Docker's words
    writeFileSync(flags.iidfile, imageId);
    return 0;
  },
});

type Mode = 'classic' | 'screen' | 'quiet';

interface Plan {
  readonly opened: OpenedContext;
  readonly query: Readonly<Record<string, QueryValue>>;
  readonly how: Mode;
  readonly signal: AbortSignal;
}

/** `build Dockerfile .` and `build` alone are what beginners write. */
function countHint(args: readonly string[]): string | undefined {
  if (args.length === 0)
    return 'The folder with the Dockerfile is the argument, a dot for this one: quai build .';
  const file = args.find(arg => /dockerfile|containerfile/i.test(arg));
  const folder = args.find(arg => arg !== file) ?? '.';
  return file === undefined
    ? 'One folder is built; a name for the image is given by -t: quai build -t NAME .'
    : `A Dockerfile is named by -f: quai build -f ${file} ${folder}`;
}

function progressMode({ env, stderr }: CliContext, { quiet, progress }: BuildFlags): Mode {
  const wanted = progress || env['BUILDKIT_PROGRESS'] || 'auto';
  if (quiet || wanted === 'quiet') return 'quiet';
  if (wanted === 'auto') return stderr.isTTY ? 'screen' : 'classic';
  if (wanted === 'tty') return 'screen';
  if (wanted === 'plain') return 'classic';
  throw new CliError(`invalid progress mode ${JSON.stringify(wanted)}: auto, plain, tty or quiet`);
}

async function send(
  context: CliContext,
  flags: BuildFlags,
  { opened, query, how, signal }: Plan,
): Promise<string> {
  const isOurs = wantsOurs(flags, how) && (await talksToOurs(context));
  if (!isOurs) refuseOursOnly(flags);
  const isScreen = isOurs && how === 'screen';
  const tellSize = (bytes: number): void => {
    if (how === 'quiet' || isScreen) return;
    // Docker's words, which scripts look for; the engine may well be Docker's.
    context.stdout.write(`Sending build context to Docker daemon ${humanSize(bytes).padStart(8)}\r\r\n`);
  };
  const sent = new SentContext(opened.body, { isCompressed: flags.compress, onEnd: tellSize });
  try {
    const reply = await context.client.stream('POST', isOurs ? '/quai/build' : '/build', {
      query: {
        ...query,
        q: how === 'quiet' || undefined,
        dockerfile: opened.dockerfile || undefined,
        remote: opened.remote,
        ...(isOurs ? await ownQuery(context, flags, isScreen) : {}),
      },
      headers: { 'Content-Type': 'application/x-tar', ...(await registryConfigHeader(context)) },
      ...(sent.body ? { body: sent.body } : {}),
      signal,
    });
    const messages = jsonLines(reply.body);
    return isScreen
      ? await showOwn(messages, context, {
          sentBytes: () => (sent.isOver ? undefined : sent.bytes),
          signal,
        })
      : await showClassic(messages, context, { isQuiet: how === 'quiet' });
  } catch (error) {
    throw sent.failure ?? error;
  }
}

/** What only our engine can do, or can show better. */
function wantsOurs({ secret, 'no-cache-filter': filter }: BuildFlags, how: Mode): boolean {
  return how === 'screen' || secret.length > 0 || filter.length > 0;
}

async function talksToOurs({ client }: CliContext): Promise<boolean> {
  const { headers, body } = await client.stream('GET', '/_ping');
  for await (const _ of body); // the connection is used again
  return (headers['server'] ?? '').startsWith('Quai/');
}

function refuseOursOnly({ secret, 'no-cache-filter': filter }: BuildFlags): void {
  if (secret.length > 0) throw new CliError('not implemented: --secret with this engine; Quai has it');
  if (filter.length > 0)
    throw new CliError('not implemented: --no-cache-filter with this engine; Quai has it');
}

async function ownQuery(
  { client, env }: CliContext,
  flags: BuildFlags,
  isScreen: boolean,
): Promise<Record<string, QueryValue>> {
  const values = readSecrets(flags.secret, env);
  const isNone = Object.keys(values).length === 0;
  return {
    progress: isScreen ? undefined : 'plain',
    nocachefilter: flags['no-cache-filter'],
    // ahead of the build: they have no place in a URL
    secrets: isNone
      ? undefined
      : textAt(await client.call('POST', '/quai/build/secrets', { body: values }), 'Id'),
  };
}
