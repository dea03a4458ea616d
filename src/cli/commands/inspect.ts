import { isStatus } from '#client/api-error';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { explain } from '../error-report.ts';
import { indentJson, parseExactJson } from '../format/exact-json.ts';
import { objectFormatHelp } from '../format/format-help.ts';
import { compileTemplate } from '../format/go-template.ts';
import { jsonText } from '../format/template-functions.ts';
import { absentField } from '../format/template-values.ts';

type Kind = 'container' | 'image' | 'network' | 'volume';

const PATHS: Readonly<Record<Kind, (name: string) => string>> = {
  container: name => `/containers/${name}/json`,
  image: name => `/images/${name}/json`,
  network: name => `/networks/${name}`,
  volume: name => `/volumes/${name}`,
};
const KINDS = ['container', 'image', 'network', 'volume'] as const;

const formatFlag = { type: 'string', short: 'f', help: objectFormatHelp } as const;
const sizeFlag = {
  type: 'bool',
  short: 's',
  help: 'Display total file sizes if the type is container',
} as const;

export const inspect = command({
  usage: 'inspect [OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Return low-level information on objects of the engine',
  flags: {
    format: formatFlag,
    size: sizeFlag,
    type: { type: 'string', help: `Only inspect objects of the given type: ${KINDS.join(', ')}` },
  },
  args: { min: 1 },
  async run(context, { flags, args }) {
    const kind = KINDS.find(one => one === flags.type);
    if (flags.type && !kind) {
      throw new CliError(`unknown type: "${flags.type}": must be one of "${KINDS.join('", "')}"`);
    }
    return inspectAll(context, args, kind ? [kind] : KINDS, flags);
  },
});

export const inspectContainers = command({
  usage: 'container inspect [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Display detailed information on one or more containers',
  flags: { format: formatFlag, size: sizeFlag },
  args: { min: 1 },
  run: (context, { flags, args }) => inspectAll(context, args, ['container'], flags),
});

export const inspectImages = command({
  usage: 'image inspect [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Display detailed information on one or more images',
  flags: {
    format: formatFlag,
    platform: {
      type: 'string',
      help: "Inspect a specific platform of the multi-platform image, as 'os[/arch[/variant]]'",
    },
  },
  args: { min: 1 },
  async run(context, { flags, args }) {
    const platform = flags.platform
      ? (await import('../platform.ts')).platformJson(flags.platform)
      : undefined;
    return inspectAll(context, args, ['image'], { format: flags.format, size: false, platform });
  },
});

export const inspectNetworks = command({
  usage: 'network inspect [OPTIONS] NETWORK [NETWORK...]',
  summary: 'Display detailed information on one or more networks',
  flags: {
    format: formatFlag,
    verbose: { type: 'bool', short: 'v', help: 'Verbose output for diagnostics' },
  },
  args: { min: 1 },
  run: (context, { flags, args }) => inspectAll(context, args, ['network'], { ...flags, size: false }),
});

export const inspectVolumes = command({
  usage: 'volume inspect [OPTIONS] VOLUME [VOLUME...]',
  summary: 'Display detailed information on one or more volumes',
  flags: { format: formatFlag },
  args: { min: 1 },
  run: (context, { flags, args }) => inspectAll(context, args, ['volume'], { ...flags, size: false }),
});

interface InspectOptions {
  readonly format: string;
  readonly size: boolean;
  readonly verbose?: boolean;
  /** as the API takes it */
  readonly platform?: string | undefined;
}

/** Shows what was found even if something else was not; the status tells. */
async function inspectAll(
  context: CliContext,
  names: readonly string[],
  kinds: readonly Kind[],
  options: InspectOptions,
): Promise<number> {
  const { format } = options;
  const template = format && format !== 'json' ? compileTemplate(format, { absent: absentField }) : undefined;
  const found: string[] = [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      found.push(await fetchOne(context, name, kinds, options));
    } catch (error) {
      failures.push(error instanceof CliError ? error.message : explain(error));
    }
  }
  if (template) for (const text of found) context.print(template.render(parseExactJson(text)));
  else if (format) context.print(jsonText(parseExactJson(`[${found.join(',')}]`)));
  else context.print(found.length > 0 ? indentJson(`[${found.join(',')}]`, '    ') : '[]');
  for (const failure of failures) context.warn(failure);
  return failures.length > 0 ? 1 : 0;
}

async function fetchOne(
  { client }: CliContext,
  name: string,
  kinds: readonly Kind[],
  { size, verbose, platform }: InspectOptions,
): Promise<string> {
  for (const kind of kinds) {
    try {
      const query = {
        size: (size && kind === 'container') || undefined,
        verbose: verbose || undefined,
        platform,
      };
      return await client.text('GET', PATHS[kind](encodeURIComponent(name)), { query });
    } catch (error) {
      if (kinds.length === 1 || !isStatus(error, 404)) throw error;
    }
  }
  throw new CliError(`Error: No such object: ${name}`);
}
