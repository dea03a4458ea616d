import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#base/errors';

/** The engine's identity, as `docker info` shows it: made once for a data root. */
export function engineId(root: string): string {
  const path = join(root, 'engine-id');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    const id = randomUUID();
    writeFileSync(path, `${id}\n`);
    return id;
  }
}
