import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';

export const IMAGES = fileURLToPath(new URL('../../images', import.meta.url));

const ImageFile = v.strictObject({
  /** what is prepared and put into the context, for images that begin with nothing */
  root: v.optional(v.picklist(['busybox', 'debian', 'hello-world'])),
  /** as it is, or what to ask the image, and what of the answer it is */
  version: v.union([
    v.string(),
    v.strictObject({ run: v.pipe(v.array(v.string()), v.minLength(1)), match: v.string() }),
  ]),
  /** besides the version and `latest` */
  tags: v.optional(v.array(v.string()), []),
  category: v.string(),
});

/** One of the official images, as its folder has it. */
export interface ImageFolder extends v.InferOutput<typeof ImageFile> {
  readonly name: string;
  readonly folder: string;
  /** the overview on the hub */
  readonly readme: string;
}

/** All of them: first those that others are made from. */
export function imageFolders(): ImageFolder[] {
  const names = readdirSync(IMAGES, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && existsSync(join(IMAGES, entry.name, 'image.json')))
    .map(entry => entry.name);
  return names
    .map(read)
    .toSorted((one, other) => Number(one.root === undefined) - Number(other.root === undefined));
}

function read(name: string): ImageFolder {
  const folder = join(IMAGES, name);
  const parsed = v.parse(ImageFile, JSON.parse(readFileSync(join(folder, 'image.json'), 'utf8')));
  return { ...parsed, name, folder, readme: readFileSync(join(folder, 'README.md'), 'utf8') };
}
