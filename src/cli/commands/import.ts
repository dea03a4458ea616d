import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { parseImageName } from '../image-name.ts';
import { namesInTar } from '../tar-names.ts';
import { showProgress } from '../terminal/progress.ts';
import { openFile } from './load.ts';

export const importImage = command({
  usage: 'import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  summary: 'Import the contents from a tarball to create a filesystem image',
  flags: {
    change: { type: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    message: { type: 'string', short: 'm', help: 'Set commit message for imported image' },
    platform: { type: 'string', help: 'Set platform if server is multi-platform capable' },
  },
  args: { min: 1, max: 2 },
  async run(context, { flags, args: [source = '', name] }) {
    const isUrl = /^https?:\/\//.test(source);
    const { repository, tag } = name ? parseImageName(name) : { repository: undefined, tag: undefined };
    const body = isUrl ? undefined : await openSource(context, source);
    const query = {
      fromSrc: isUrl ? source : '-',
      repo: repository,
      tag: tag || undefined,
      message: flags.message || undefined,
      platform: flags.platform || undefined,
      changes: flags.change,
    };
    const headers = { 'Content-Type': 'application/x-tar' };
    const messages = context.client.lines('POST', '/images/create', {
      query,
      ...(body ? { body, headers } : {}),
    });
    await showProgress(messages, context.stdout, { quiet: false });
    return 0;
  },
});

async function openSource({ stdin }: CliContext, source: string): Promise<Readable> {
  if (source === '-') return stdin;
  await refuseSavedImages(source);
  return openFile(source);
}

/** Such an image would have the files of the archive, not those of the image: nobody wants that. */
async function refuseSavedImages(path: string): Promise<void> {
  const file = await open(path).catch(() => undefined); // a wrong name is said when it is opened for good
  if (!file) return;
  try {
    const names = await namesInTar(file);
    const isSaved = names.has('manifest.json') && (names.has('repositories') || names.has('oci-layout'));
    if (!isSaved) return;
  } finally {
    await file.close();
  }
  throw new CliError(`${path} is an archive of images, made by save; load it: quai load -i ${path}`);
}
