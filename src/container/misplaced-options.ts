/** Options of `docker run` with a value that nothing else looks like. */
const OPTIONS: readonly (readonly [flags: readonly string[], value: RegExp])[] = [
  [['-e', '--env'], /^[A-Za-z_][A-Za-z0-9_]*=/],
  [['-p', '--publish'], /^([\d.]+:)?\d+(-\d+)?:\d+(-\d+)?(\/(tcp|udp))?$/],
  [['-v', '--volume'], /^[\w./-]+:\/[^:]*(:\w+)?$/],
  [['--name', '--network', '--net', '--restart', '--hostname'], /^[\w:.-]+$/],
  [['--memory', '--cpus', '--ulimit', '--user'], /^[\w=.:-]+$/],
];

/**
 * Options that a user wrote behind the image's name, where they become words of the command
 * (`docker run mysql -e MYSQL_ROOT_PASSWORD=root`).
 *
 * @param command the arguments as the client sent them, without the image's
 * @returns a sentence that says so, or `undefined` when nothing looks like it.
 */
export function misplacedOptionsHint(command: readonly string[], imageName: string): string | undefined {
  const found = command.flatMap((word, index) => {
    const [flag = '', attached] = word.split(/=(.*)/s);
    const value = word.startsWith('--') && attached !== undefined ? attached : command[index + 1];
    const isOption = OPTIONS.some(
      ([flags, pattern]) => flags.includes(flag) && value !== undefined && pattern.test(value),
    );
    return isOption ? [flag] : [];
  });
  // Only at the start: further on, a program's own options are more likely.
  if (found.length === 0 || !command[0]?.startsWith('-')) return undefined;
  const flags = [...new Set(found)].join(', ');
  return `${flags} stands behind the image "${imageName}" and was given to the program in it: options of run come before the image`;
}
