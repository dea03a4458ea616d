import type { Command, Flag, FlagSet } from './command.ts';
import {
  type CommandEntry,
  commonCommands,
  findCommand,
  groups,
  launcherCommands,
  otherCommands,
} from './command-table.ts';
import { nameOf } from './error-report.ts';
import { globalFlags } from './global-flags.ts';
import { type Name, nameList } from './name-list.ts';
import type { Surroundings } from './surroundings.ts';
import { unknownCommand } from './unknown-command.ts';
import { versionLine } from './version-line.ts';

const MAX_WIDTH = 120;

/** `quai`, `quai --help`, `quai --version`, `quai help COMMAND`. */
export async function generalHelp(
  args: readonly string[],
  given: ReadonlySet<string>,
  around: Surroundings,
): Promise<number> {
  if (given.has('version')) {
    around.stdout.write(`${versionLine()}\n`);
    return 0;
  }
  const words = args[0] === 'help' ? args.slice(1) : [];
  if (words.length > 0) {
    const found = findCommand(words);
    return found
      ? commandHelp(await found.entry.load(), found.entry, around)
      : unknownCommand(words, [], around);
  }
  around.stdout.write(await overview(around.stdout.columns));
  return 0;
}

async function overview(columns: number | undefined): Promise<string> {
  const sections: readonly (readonly [string, readonly Name[]])[] = [
    ['Common Commands', await summaries(commonCommands)],
    ['Management Commands', Object.entries(groups)],
    ['Commands', await summaries(otherCommands)],
    ['Engine Commands', launcherCommands.map(one => [one.name, one.summary])],
  ];
  const lines = [
    'Usage:  quai [OPTIONS] COMMAND',
    '',
    'A container platform: engine, images, networks, volumes',
    '',
    ...sections.flatMap(([title, names]) => [`${title}:`, ...nameList(names), '']),
    'Global Options:',
    ...flagLines(globalFlags, columns),
    '',
    "Run 'quai COMMAND --help' for more information on a command.",
  ];
  return `${lines.join('\n')}\n`;
}

/** Names of one word; the commands themselves know what they do. */
async function summaries(entries: readonly CommandEntry[]): Promise<Name[]> {
  const single = entries.filter(one => !one.paths[0]?.includes(' '));
  return Promise.all(single.map(async one => [one.paths[0] ?? '', (await one.load()).summary] as const));
}

export function commandHelp(command: Command, entry: CommandEntry, around: Surroundings): number {
  const lines = [`Usage:  quai ${command.usage}`, '', command.summary];
  if (entry.paths.length > 1) {
    lines.push('', 'Aliases:', `  ${entry.paths.map(path => `quai ${path}`).join(', ')}`);
  }
  const options = flagLines(command.flags, around.stdout.columns);
  if (options.length > 0) lines.push('', 'Options:', ...options);
  if (command.stopsAtArgument) {
    lines.push(
      '',
      `Options of 'quai ${nameOf(command)}' come first: what follows the name belongs to the program in the container.`,
    );
  }
  around.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function flagLines(flags: FlagSet, columns = 80): string[] {
  const shown = Object.entries(flags).filter(([, flag]) => !flag.hidden);
  const heads = shown.map(([name, flag]) => flagHead(name, flag));
  const indent = Math.max(...heads.map(head => head.length), 0) + 3;
  const width = Math.max(Math.min(columns, MAX_WIDTH) - indent, 24);
  return shown.flatMap(([, flag], index) => {
    const [first = '', ...rest] = wrap(flag.help, width);
    return [(heads[index] ?? '').padEnd(indent) + first, ...rest.map(line => ' '.repeat(indent) + line)];
  });
}

function flagHead(name: string, flag: Flag): string {
  const short = flag.short ? `-${flag.short}, ` : '    ';
  const type = flag.shows ?? (flag.type === 'bool' ? '' : flag.type);
  return `  ${short}--${name}${type ? ` ${type}` : ''}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return lines;
}
