import { nearest } from '#base/spelling';
import { commands, groups, isForDocker, launcherCommands, missingCommands } from './command-table.ts';
import { chooseHost } from './endpoint.ts';
import { groupHelp } from './group-help.ts';
import { hasProgram } from './installed-program.ts';
import type { Surroundings } from './surroundings.ts';

/** Says what is wrong with a command that we do not have, and what may have been meant. @returns 0 for a group's help, else 1. */
export async function unknownCommand(
  words: readonly string[],
  hostFlag: readonly string[],
  around: Surroundings,
): Promise<number> {
  const [first = '', second] = words;
  if (Object.hasOwn(groups, first) && (second === undefined || second === '--help' || second === '-h')) {
    return groupHelp(first, around);
  }
  const name = Object.hasOwn(groups, first) ? `${first} ${second}` : first;
  around.stderr.write(
    `${explanation(name, words, chooseHost(hostFlag, around.env).url, around).join('\n')}\n`,
  );
  return 1;
}

function explanation(name: string, words: readonly string[], host: string, around: Surroundings): string[] {
  if (launcherCommands.some(one => one.name === name)) {
    return [
      `quai: '${name}' is a command of the launcher: run ./quai ${name} in the repository, or the installed quai`,
    ];
  }
  if (Object.hasOwn(missingCommands, name)) {
    const lines = [`not implemented yet: quai ${name}`];
    if (!isForDocker(name)) {
      const hint = missingCommands[name] ?? '';
      const said = hint.replace('HOST ', () => `${host} `).replace('WORDS', () => words.slice(1).join(' '));
      return hint === '' ? lines : [...lines, said.trimEnd()];
    }
    if (hasProgram('docker', around.env)) {
      lines.push(`The docker CLI on this machine can do it: docker -H ${host} ${words.join(' ')}`);
    }
    return lines;
  }
  const group = name.includes(' ') ? `${name.split(' ')[0]} ` : '';
  const guess = nearest(name.slice(group.length), knownNames(group));
  return [
    `quai: unknown command: quai ${name}`,
    ...(guess ? [`  did you mean 'quai ${group}${guess}'?`] : []),
    ...(group && !guess
      ? [`  there ${mainNames(group).length === 1 ? 'is' : 'are'} ${mainNames(group).join(', ')}`]
      : []),
    '',
    `Run 'quai ${group}--help' for more information`,
  ];
}

/** What a group has, without second names. */
function mainNames(group: string): string[] {
  return [...commands.map(one => one.paths), ...launcherCommands.map(one => [one.name])]
    .flatMap(paths => paths.find(path => path.startsWith(group)) ?? [])
    .map(path => path.slice(group.length))
    .toSorted();
}

function knownNames(group: string): string[] {
  const paths = [...commands.flatMap(one => one.paths), ...launcherCommands.map(one => one.name)];
  if (group) return paths.filter(path => path.startsWith(group)).map(path => path.slice(group.length));
  const single = paths.filter(path => !path.includes(' '));
  return [...single, ...Object.keys(groups)];
}
