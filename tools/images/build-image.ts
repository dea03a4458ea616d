import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageFolder } from './image-folder.ts';
import { run, show } from './programs.ts';
import { prepareRoot, type RootOptions } from './root-file-systems.ts';

/** Our command line; the engine is the one that it finds. */
export const QUAI = fileURLToPath(new URL('../../quai', import.meta.url));

export interface BuiltImage {
  readonly folder: ImageFolder;
  readonly tags: readonly string[];
  /** of its labels */
  readonly description: string;
}

/** Builds an image with the engine, under its own name and all its tags. */
export async function buildImage(image: ImageFolder, options: RootOptions): Promise<BuiltImage> {
  const { name, folder, root } = image;
  const context = mkdtempSync(join(tmpdir(), 'quai-image-'));
  try {
    cpSync(folder, context, { recursive: true });
    if (root) await prepareRoot(root, context, options);
    await show(QUAI, ['build', '-q', '-t', `${name}:latest`, context]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  const tags = [await versionOf(image), ...image.tags];
  for (const tag of tags) await run(QUAI, ['tag', `${name}:latest`, `${name}:${tag}`]);
  const label = '{{index .Config.Labels "org.opencontainers.image.description"}}';
  const description = await run(QUAI, ['image', 'inspect', '-f', label, `${name}:latest`]);
  return { folder: image, tags: [...tags, 'latest'], description: description.trim() };
}

async function versionOf({ name, version }: ImageFolder): Promise<string> {
  if (typeof version === 'string') return version;
  const [program = '', ...words] = version.run;
  const container = ['run', '--rm', '--network', 'none', '--entrypoint', program, `${name}:latest`, ...words];
  const said = await run(QUAI, container);
  const found = new RegExp(version.match, 'm').exec(said)?.[1];
  if (found === undefined)
    throw new Error(`${name}: no version in what "${version.run.join(' ')}" says: ${said}`);
  return found;
}
