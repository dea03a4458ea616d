import { parseArgs } from 'node:util';
import { buildImage } from './build-image.ts';
import { type ImageFolder, imageFolders } from './image-folder.ts';
import { pushImage } from './push-image.ts';

const USAGE = `Usage: npm run images -- [OPTIONS] [NAME…]

Builds the official images (all of them, or those named) with the engine, from Debian's packages.

Options:
      --push HOST/NAMESPACE  Push them there, such as hub.example.com/library, and tell the hub what they are
      --debian-root FILE     A tar with Debian's root file system, instead of making one with debootstrap
      --list                 Print their names
      --help                 Print this

The engine is chosen as for quai: by QUAI_HOST or DOCKER_HOST. \`quai login HOST\` comes before --push.`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      push: { type: 'string' },
      'debian-root': { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  if (values.help) return say(USAGE);
  const folders = imageFolders();
  if (values.list) return say(folders.map(({ name }) => name).join('\n'));
  for (const image of chosen(folders, positionals)) {
    say(`${image.name}: building`);
    const built = await buildImage(image, { debianTar: values['debian-root'] });
    say(`${image.name}: ${built.tags.join(', ')}`);
    if (values.push !== undefined) await pushImage(built, values.push, say);
  }
}

function chosen(folders: readonly ImageFolder[], names: readonly string[]): readonly ImageFolder[] {
  const unknown = names.filter(name => !folders.some(folder => folder.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `no such image: ${unknown.join(', ')}; there are ${folders.map(({ name }) => name).join(', ')}`,
    );
  }
  return names.length === 0 ? folders : folders.filter(({ name }) => names.includes(name));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`images: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
