import { commands, groups, launcherCommands } from './command-table.ts';
import { type Name, nameList } from './name-list.ts';
import type { Surroundings } from './surroundings.ts';

/** `quai network`, `quai image --help`. */
export async function groupHelp(group: string, around: Surroundings): Promise<number> {
  const members: Name[] = [];
  for (const { paths, load } of commands) {
    const path = paths.find(candidate => candidate.startsWith(`${group} `));
    if (path) members.push([path.slice(group.length + 1), (await load()).summary]);
  }
  for (const { name, summary } of launcherCommands) {
    if (name.startsWith(`${group} `)) members.push([name.slice(group.length + 1), summary]);
  }
  const lines = [
    `Usage:  quai ${group} COMMAND`,
    '',
    groups[group] ?? '',
    '',
    'Commands:',
    ...nameList(members.sort(([a], [b]) => (a < b ? -1 : 1))),
    '',
    `Run 'quai ${group} COMMAND --help' for more information on a command.`,
  ];
  around.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
