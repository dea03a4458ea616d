import { plainLine } from '#base/plain-text';
import { type Json, listAt, numberAt, textAt, textsAt } from '#client/json';
import { humanSize } from './human.ts';

/** A line of the tree: an image with all its names, or the image of one platform below it. */
interface TreeLine {
  readonly names: readonly string[];
  readonly cells: readonly string[];
  readonly isUsed: boolean;
}

const HEADERS = ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE', 'EXTRA'];
const RIGHT = new Set([2, 3]);
const GAP = '   ';
const UNTAGGED = '<untagged>';

/**
 * Images with what is kept for each platform, as `docker images --tree` shows them: names below each other, sizes to the right,
 * `U` for what a container uses. Newest first, images without a name last and only with `all`.
 */
export function imageTree(images: readonly Json[], { all }: { readonly all: boolean }): string {
  const newestFirst = images.toSorted((a, b) => numberAt(b, 'Created') - numberAt(a, 'Created'));
  const named = newestFirst.filter(one => textsAt(one, 'RepoTags').length > 0);
  const others = all ? newestFirst.filter(one => textsAt(one, 'RepoTags').length === 0) : [];
  const groups = [...named, ...others].map(linesOf);
  const widths = HEADERS.map((header, column) =>
    Math.max(header.length, ...groups.flat().map(line => widthOf(line, column))),
  );
  const head = row(HEADERS, widths, { alignRight: false });
  const body = groups.map(group => group.flatMap(line => render(line, widths)).join('\n'));
  return `${[head, ...(body.length > 0 ? [body.join('\n\n')] : [])].join('\n')}\n`;
}

function linesOf(image: Json): TreeLine[] {
  const platforms = listAt(image, 'Manifests').filter(one => textAt(one, 'Kind') === 'image');
  const children = platforms.map((manifest, index) => ({
    names: [`${index === platforms.length - 1 ? '└─' : '├─'} ${platformText(manifest)}`],
    cells: [
      shortId(textAt(manifest, 'ID')),
      humanSize(numberAt(manifest, 'Size', 'Total'), 3),
      humanSize(numberAt(manifest, 'Size', 'Content'), 3),
    ],
    isUsed: textsAt(manifest, 'ImageData', 'Containers').length > 0,
  }));
  const content = platforms.reduce<number>((sum, one) => sum + numberAt(one, 'Size', 'Content'), 0);
  const names = textsAt(image, 'RepoTags');
  const top = {
    names: names.length > 0 ? names : [UNTAGGED],
    cells: [
      shortId(textAt(image, 'Id')),
      humanSize(numberAt(image, 'Size'), 3),
      content > 0 ? humanSize(content, 3) : '0B',
    ],
    isUsed: numberAt(image, 'Containers') > 0 || children.some(one => one.isUsed),
  };
  return [top, ...children];
}

function render({ names, cells, isUsed }: TreeLine, widths: readonly number[]): string[] {
  const above = names.slice(0, -1).map(plainLine);
  const last = plainLine(names.at(-1) ?? '');
  return [...above, row([last, ...cells, isUsed ? 'U' : ''], widths, { alignRight: true })];
}

function row(
  cells: readonly string[],
  widths: readonly number[],
  { alignRight }: { readonly alignRight: boolean },
): string {
  const padded = cells.map((cell, column) =>
    alignRight && RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
  );
  return padded.join(GAP).trimEnd();
}

function widthOf({ names, cells }: TreeLine, column: number): number {
  if (column === 0) return Math.max(...names.map(name => name.length));
  return cells[column - 1]?.length ?? 1;
}

function platformText(manifest: Json): string {
  const part = (name: string): string => textAt(manifest, 'ImageData', 'Platform', name);
  return [part('os'), part('architecture'), part('variant')].filter(Boolean).join('/') || 'unknown';
}

function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
