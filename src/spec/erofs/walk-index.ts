import assert from 'node:assert/strict';

export interface IndexedFile {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly links: number;
  readonly mtimeSeconds: number;
  /** place of the content in the tar, in bytes */
  readonly tarOffset?: number;
  readonly size: number;
  readonly target?: string;
}

/** Reads an index back for tests, strictly: whatever the kernel would refuse or not find makes it throw. */
export function walkIndex(bytes: Buffer, { tarBytes }: { readonly tarBytes: number }): IndexedFile[] {
  assert.equal(bytes.readUInt32LE(1024), 0xe0f5_e1e2);
  const blocks = bytes.readUInt32LE(1024 + 36);
  assert.ok(blocks * 512 >= bytes.length);
  const tarBlocks = bytes.readUInt32LE(1152 + 64);
  assert.equal(tarBlocks, Math.ceil(tarBytes / 512));
  assert.equal(bytes.readUInt32LE(1152 + 68), blocks);
  const root = bytes.readUInt16LE(1024 + 14) * 32;
  const found: IndexedFile[] = [];
  const seen = new Set<number>();
  const pending = [{ path: '', offset: root, parent: root }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { path, offset, parent } = next;
    const file = readInode(bytes, offset, { path, blocks, tarBlocks });
    found.push(file);
    if ((file.mode & 0o170000) !== 0o040000) continue;
    assert.ok(!seen.has(offset), `${path}: a directory has one name`);
    seen.add(offset);
    for (const entry of readDirectory(bytes, bytes.readUInt32LE(offset + 16) * 512, file.size)) {
      if (entry.name === '.') assert.equal(entry.offset, offset);
      else if (entry.name === '..') assert.equal(entry.offset, parent);
      else pending.push({ path: `${path}/${entry.name}`, offset: entry.offset, parent: offset });
    }
  }
  return found;
}

function readInode(
  bytes: Buffer,
  offset: number,
  where: { readonly path: string; readonly blocks: number; readonly tarBlocks: number },
): IndexedFile {
  const format = bytes.readUInt16LE(offset);
  assert.equal(format & 1, 1);
  const mode = bytes.readUInt16LE(offset + 4);
  const size = Number(bytes.readBigUInt64LE(offset + 8));
  const block = bytes.readUInt32LE(offset + 16);
  const isFile = (mode & 0o170000) === 0o100000;
  const end = block + Math.ceil(size / 512);
  if (isFile && size > 0) assert.ok(end <= where.blocks + where.tarBlocks, `${where.path} is in the tar`);
  const count = bytes.readUInt16LE(offset + 2);
  const content = offset + 64 + (count === 0 ? 0 : 12 + 4 * (count - 1));
  if (format >> 1 === 2) {
    assert.ok(Math.floor(content / 512) === Math.floor((content + size - 1) / 512), 'inline in one block');
  }
  return {
    path: where.path,
    mode,
    uid: bytes.readUInt32LE(offset + 24),
    links: bytes.readUInt32LE(offset + 44),
    mtimeSeconds: Number(bytes.readBigInt64LE(offset + 32)),
    size,
    ...(isFile && size > 0 && block >= where.blocks ? { tarOffset: (block - where.blocks) * 512 } : {}),
    ...(format >> 1 === 2 ? { target: bytes.toString('latin1', content, content + size) } : {}),
  };
}

function readDirectory(bytes: Buffer, start: number, size: number): { name: string; offset: number }[] {
  const entries: { name: string; offset: number }[] = [];
  for (let block = start; block < start + size; block += 512) {
    const end = Math.min(block + 512, start + size);
    const count = bytes.readUInt16LE(block + 8) / 12;
    assert.ok(Number.isInteger(count) && count > 0);
    const nameOffset = (index: number): number => block + bytes.readUInt16LE(block + index * 12 + 8);
    for (let index = 0; index < count; index += 1) {
      const last = index + 1 === count;
      const name = bytes.toString('latin1', nameOffset(index), last ? end : nameOffset(index + 1));
      const nid = Number(bytes.readBigUInt64LE(block + index * 12));
      entries.push({ name: last ? name.replace(/\0+$/, '') : name, offset: nid * 32 });
    }
  }
  const names = entries.map(({ name }) => name);
  assert.deepEqual(names, names.toSorted());
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('.') && names.includes('..'));
  return entries;
}
