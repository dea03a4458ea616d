import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CATEGORIES } from '#hub/categories';
import { imageFolders } from './image-folder.ts';

const folders = imageFolders();

test('official images: each has a Dockerfile, words about itself and a category of the hub', () => {
  assert.ok(folders.length >= 9);
  assert.equal(folders[0]?.root === undefined, false, 'those that others are made from come first');
  for (const { name, folder, readme, category, root } of folders) {
    const dockerfile = readFileSync(join(folder, 'Dockerfile'), 'utf8');
    assert.ok(CATEGORIES.includes(category), `${name}: ${category}`);
    assert.match(readme, new RegExp(`^# ${name}\\n`));
    assert.match(dockerfile, root ? /^FROM scratch$/m : /^FROM debian:12$/m);
    assert.match(dockerfile, new RegExp(`image\\.title="${name}"`));
    assert.match(dockerfile, /image\.description="[^"]{10,100}"/);
    for (const [, file = ''] of dockerfile.matchAll(/^COPY (?:--\S+ )?(\S+) /gm)) {
      assert.ok(root !== undefined || existsSync(join(folder, file)), `${name}: ${file}`);
    }
  }
});

test('official images bring no password', () => {
  for (const { name, folder } of folders) {
    assert.doesNotMatch(readFileSync(join(folder, 'Dockerfile'), 'utf8'), /PASSWORD/i, name);
  }
});
