import type { Env } from '../env.ts';

/** What the options may refer to on this side: the caller's environment, files and folder. */
export interface LocalFiles {
  readonly env: Env;
  /** @throws when there is no such file. */
  readFile(path: string): string;
  /** Makes a path absolute. */
  resolve(path: string): string;
}

/** As in the HTTP transport: `import 'node:fs'` would load all that hangs on it, 2 ms for files that few options name. */
const fs = process.getBuiltinModule('node:fs');
const path = process.getBuiltinModule('node:path');

/** The caller's files, read when an option names one. */
export function localFiles(env: Env): LocalFiles {
  return { env, readFile: name => fs.readFileSync(name, 'utf8'), resolve: name => path.resolve(name) };
}
