import { parseArgs } from 'node:util';
import { codeOf, messageOf } from '#base/errors';
import { checkHost } from './check-host.ts';

const USAGE = `Usage: quai check [OPTIONS]

Lists what the engine needs of this machine, with the cure for what is missing. Changes nothing.

Options:
      --root DIR   Where images and volumes will be kept, to judge its disk (default /var/lib/quai)
      --help       Print this`;

/** Entry of `quai check`. */
async function main(): Promise<number> {
  const { root, help } = flags();
  if (help) {
    say(USAGE);
    return 0;
  }
  return checkHost(say, root === undefined ? {} : { dataRoot: root });
}

function flags(): { readonly root?: string | undefined; readonly help?: boolean | undefined } {
  try {
    return parseArgs({ options: { root: { type: 'string' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    process.stderr.write(`quai check: ${messageOf(error)}\n\n${USAGE}\n`);
    process.exit(1);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

// a reader such as `head` that has read enough
process.stdout.on('error', error => process.exit(codeOf(error) === 'EPIPE' ? 141 : 1));
process.exitCode = await main();
