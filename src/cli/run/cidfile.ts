import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { CliError } from '../cli-error.ts';

export interface Cidfile extends Disposable {
  write(id: string): void;
}

/** `--cidfile`. Refuses a file that exists before anything is created; disposed unwritten, it is removed again. */
export function openCidfile(path: string): Cidfile {
  if (existsSync(path)) {
    const advice = `make sure the other container isn't running or delete ${path}`;
    throw new CliError(`container ID file found, ${advice}`, 125);
  }
  writeFileSync(path, '', { flag: 'wx' });
  let isWritten = false;
  return {
    write: id => {
      writeFileSync(path, id);
      isWritten = true;
    },
    [Symbol.dispose]: () => {
      if (!isWritten) rmSync(path, { force: true });
    },
  };
}
