import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { ApiClient } from '#client/api-client';
import { isStatus } from '#client/api-error';
import { textAt } from '#client/json';
import { TAR_END, type TarEntryInit, tarEntry } from '#spec/tar/tar-writer';
import { findProgram } from '../setup/debian-packages.ts';
import { SetupError } from '../setup/messages.ts';

export const WEB_IMAGE = 'quai-hello';
/** in the page, so that a stranger's page on the port is not taken for ours */
export const PAGE_MARK = 'name="quai-hello"';
/** on the image: which busybox, page and settings it was made of */
const RECIPE_LABEL = 'org.quai.hello.recipe';

/**
 * The image `quai-hello:latest`, made of this machine's own static busybox and one page: no registry is needed.
 * @returns whether it had to be made
 */
export async function ensureWebImage(client: ApiClient): Promise<boolean> {
  const layer = webLayer();
  const recipe = createHash('sha256').update(layer).update(SETTINGS.join('\n')).digest('hex').slice(0, 16);
  if ((await recipeOf(client)) === recipe) return false;
  await client.text('POST', '/images/create', {
    query: {
      fromSrc: '-',
      repo: WEB_IMAGE,
      tag: 'latest',
      message: 'made by npm start',
      changes: [...SETTINGS, `LABEL ${RECIPE_LABEL}=${recipe}`],
    },
    headers: { 'Content-Type': 'application/x-tar' },
    body: Readable.from([layer]),
  });
  return true;
}

async function recipeOf(client: ApiClient): Promise<string | undefined> {
  try {
    return textAt(
      await client.call('GET', `/images/${WEB_IMAGE}:latest/json`),
      'Config',
      'Labels',
      RECIPE_LABEL,
    );
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** The same bytes for the same busybox and page: no times, no random. */
function webLayer(): Buffer {
  const path = findProgram('busybox');
  if (!path) {
    throw new SetupError({
      what: 'no busybox on this machine',
      why: 'the first image is made of it',
      cure: 'sudo apt-get install busybox-static',
    });
  }
  const entries: readonly (readonly [TarEntryInit, (Buffer | string)?])[] = [
    ...FOLDERS.map(([folder, mode]) => [{ path: folder, type: 'directory', mode }] as const),
    [{ path: 'bin/busybox', mode: 0o755 }, readFileSync(path)],
    ...APPLETS.map(
      name => [{ path: `bin/${name}`, type: 'symlink', mode: 0o777, linkPath: 'busybox' }] as const,
    ),
    [
      { path: 'etc/passwd', mode: 0o644 },
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    ],
    [{ path: 'etc/group', mode: 0o644 }, 'root:x:0:\nnogroup:x:65534:\n'],
    [{ path: 'www/index.html', mode: 0o644 }, PAGE],
  ];
  return Buffer.concat([...entries.map(([entry, content]) => tarEntry(entry, content)), TAR_END]);
}

const SETTINGS = [
  // Its httpd catches no signal, and the kernel shields the first process from those that nobody catches: a shell stands before it.
  'CMD trap "exit 0" TERM INT; httpd -f -v -p 80 -h /www & wait',
  'ENV PATH=/bin',
  'EXPOSE 80',
];

const FOLDERS = [
  ['bin/', 0o755],
  ['dev/', 0o755],
  ['etc/', 0o755],
  ['proc/', 0o755],
  ['root/', 0o700],
  ['sys/', 0o755],
  ['tmp/', 0o1777],
  ['www/', 0o755],
] as const;

/** What a curious visitor types in `quai exec -it hello sh`. */
const APPLETS =
  'sh ash cat cp df echo env false free grep head hostname httpd id ip kill less ln ls mkdir mount mv nc nslookup ping ps pwd rm sed sleep sort stat tail test top touch true uname vi wc wget whoami'.split(
    ' ',
  );

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta ${PAGE_MARK} content="1">
<title>Hello from a container</title>
<style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>Hello from a container</h1>
<p>This page is served by busybox in a container of its own, run by Quai. Its image was made a moment ago
from this machine's own busybox; no registry was asked.</p>
<p>Stop the engine, upgrade it, kill it: this page stays.</p>
</html>
`;
