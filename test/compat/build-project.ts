import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';

/** Makes folders to build from; they go when the tests of the file are over. */
export function buildProjects(): (files: Readonly<Record<string, string>>) => string {
  const base = mkdtempSync(join(tmpdir(), 'quai-projects-'));
  after(() => rmSync(base, { recursive: true, force: true }));
  let count = 0;
  return files => {
    count += 1;
    const folder = join(base, `p${count}`);
    mkdirSync(folder);
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
    return folder;
  };
}
