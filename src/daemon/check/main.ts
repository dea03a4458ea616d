import { parseArgs } from 'node:util';
import { checkHost } from './check-host.ts';

/** Entry of `quai check`. */
const { values } = parseArgs({ options: { root: { type: 'string' } } });
process.exitCode = await checkHost(
  line => process.stdout.write(`${line}\n`),
  values.root === undefined ? {} : { dataRoot: values.root },
);
