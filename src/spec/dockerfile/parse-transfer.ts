import { badInstruction } from './dockerfile-error.ts';
import { heredocContent, heredocStart, type RawHeredoc } from './heredoc.ts';
import type { InstructionFlags } from './instruction-flags.ts';
import type { AddInstruction, CopyInstruction, Heredoc, Word } from './instructions.ts';
import { jsonList } from './json-list.ts';
import { fileName } from './parse-command.ts';
import { splitAtBlanks } from './split-words.ts';

type Own<T extends { lines: unknown; original: unknown }> = Omit<T, 'lines' | 'original'>;

export const COPY_FLAGS = {
  from: 'text',
  chown: 'text',
  chmod: 'text',
  link: 'boolean',
  parents: 'boolean',
  exclude: 'list',
} as const;

export const ADD_FLAGS = {
  chown: 'text',
  chmod: 'text',
  link: 'boolean',
  exclude: 'list',
  checksum: 'text',
  'keep-git-dir': 'boolean',
  unpack: 'boolean',
} as const;

export function parseCopy(
  flags: InstructionFlags,
  text: string,
  heredocs: readonly RawHeredoc[],
): Own<CopyInstruction> {
  const from = flags.text('from');
  if (from !== undefined && /\$./.test(from)) {
    const hint = 'define a new stage with FROM using ARG from global scope as a workaround';
    throw badInstruction(`variable expansion is not supported for --from, ${hint}`);
  }
  return {
    keyword: 'COPY',
    ...places('COPY', text, heredocs),
    ...attributes(flags),
    parents: flags.boolean('parents') ?? false,
    ...(from !== undefined && { from }),
  };
}

export function parseAdd(
  flags: InstructionFlags,
  text: string,
  heredocs: readonly RawHeredoc[],
): Own<AddInstruction> {
  const checksum = flags.text('checksum');
  const unpack = flags.boolean('unpack');
  return {
    keyword: 'ADD',
    ...places('ADD', text, heredocs),
    ...attributes(flags),
    keepGitDir: flags.boolean('keep-git-dir') ?? false,
    ...(checksum !== undefined && { checksum }),
    ...(unpack !== undefined && { unpack }),
  };
}

function attributes(flags: InstructionFlags): {
  readonly chown?: Word;
  readonly chmod?: Word;
  readonly link: boolean;
  readonly exclude: readonly Word[];
} {
  const chown = flags.text('chown');
  const chmod = flags.text('chmod');
  return {
    link: flags.boolean('link') ?? false,
    exclude: flags.list('exclude'),
    ...(chown !== undefined && { chown }),
    ...(chmod !== undefined && { chmod }),
  };
}

interface Places {
  readonly sources: readonly Word[];
  readonly heredocs: readonly Heredoc[];
  readonly destination: Word;
}

function places(keyword: string, text: string, bodies: readonly RawHeredoc[]): Places {
  const list = jsonList(text);
  const words = list ?? splitAtBlanks(text);
  const destination = words.at(-1);
  if (destination === undefined) throw badInstruction(`${keyword} requires at least two arguments`);
  if (words.length === 1) {
    const hint = 'Destination could not be determined';
    throw badInstruction(
      `${keyword} requires at least two arguments, but only one was provided. ${hint}. Write ${keyword} ${destination} .`,
    );
  }
  const isHeredoc = (word: Word): boolean => !list && heredocStart(word) !== undefined;
  if (isHeredoc(destination)) throw badInstruction(`${keyword} cannot accept a heredoc as a destination`);
  const sources = words.slice(0, -1);
  return {
    sources: sources.filter(word => !isHeredoc(word)),
    heredocs: bodies.map(heredocOf),
    destination,
  };
}

function heredocOf(raw: RawHeredoc): Heredoc {
  return { name: fileName(raw), content: heredocContent(raw), isExpanded: raw.isExpanded };
}
