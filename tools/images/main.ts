import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { parseArgs } from 'node:util';
import { buildImage } from './build-image.ts';
import { type ImageFolder, imageFolders } from './image-folder.ts';
import { hubOf, logIn, type PushTarget, pushImage } from './push-image.ts';

const USAGE = `Usage: npm run images -- [OPTIONS] [NAME…]

Builds the official images (all of them, or those named) with the engine, from Debian's packages.

Options:
      --push HOST/NAMESPACE  Push them there, such as hub.example.com/library or docker.io/library
      --user NAME            Who pushes, an administrator of the hub (default: as quai login has it)
      --password-file FILE   The first line is the password, or an access token
      --hub URL              The hub, to be told what the images are (default: https://HOST)
      --ca FILE              Certificate of the authority that vouches for the hub
      --debian-root FILE     A tar with Debian's root file system, instead of making one with debootstrap
      --list                 Print their names
      --help                 Print this

The engine is chosen as for quai: by QUAI_HOST or DOCKER_HOST.`;

const OPTIONS = {
  push: { type: 'string' },
  user: { type: 'string' },
  'password-file': { type: 'string' },
  hub: { type: 'string' },
  ca: { type: 'string' },
  'debian-root': { type: 'string' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help) return say(USAGE);
  const folders = imageFolders();
  if (values.list) return say(folders.map(({ name }) => name).join('\n'));
  const images = chosen(folders, positionals);
  if (values.ca !== undefined) {
    setDefaultCACertificates([...getCACertificates(), readOption('--ca', values.ca)]);
  }
  const target = targetOf(values);
  if (!target?.credentials) return makeAll(images, values['debian-root'], target);
  // Whose password came with the flags is not left signed in on this machine.
  const folder = mkdtempSync(join(tmpdir(), 'quai-images-'));
  process.env['QUAI_CONFIG'] = folder;
  try {
    await logIn(target); // before anything takes its time
    await makeAll(images, values['debian-root'], target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeAll(
  images: readonly ImageFolder[],
  debianTar: string | undefined,
  target: PushTarget | undefined,
): Promise<void> {
  for (const image of images) {
    say(`${image.name}: building`);
    const built = await buildImage(image, { debianTar });
    say(`${image.name}: ${built.tags.join(', ')}`);
    if (target) await pushImage(built, target, say);
  }
}

interface TargetFlags {
  readonly push?: string | undefined;
  readonly user?: string | undefined;
  readonly 'password-file'?: string | undefined;
  readonly hub?: string | undefined;
}

function targetOf({ push, user, hub, 'password-file': file }: TargetFlags): PushTarget | undefined {
  if (push === undefined) return undefined;
  if (!/^[^/]+\/[^/].*$/.test(push))
    throw new Error(`--push ${push}: it must look like hub.example.com/library`);
  if ((user === undefined) !== (file === undefined))
    throw new Error('--user and --password-file go together');
  const prefix = push.replace(/\/+$/, '');
  const [password = ''] = file === undefined ? [] : readOption('--password-file', file).split('\n', 1);
  return {
    prefix,
    hub: hub?.replace(/\/+$/, '') ?? hubOf(prefix),
    credentials: user === undefined ? undefined : { name: user, password },
  };
}

function readOption(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${option}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
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

process.stdout.on('error', () => {}); // a reader such as `head` that has read enough
try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`images: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
