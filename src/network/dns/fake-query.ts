import { encodeName } from './dns-message.ts';

/** A query as a resolver sends it. */
export function queryFor(
  name: string,
  options: { readonly id?: number; readonly type?: number; readonly ednsBytes?: number } = {},
): Buffer {
  const { id = 1, type = 1, ednsBytes } = options;
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(ednsBytes === undefined ? 0 : 1, 10);
  const rest = Buffer.from([type >> 8, type & 0xff, 0, 1]);
  return Buffer.concat([
    header,
    encodeName(name),
    rest,
    ...(ednsBytes === undefined ? [] : [edns(ednsBytes)]),
  ]);
}

function edns(bytes: number): Buffer {
  return Buffer.from([0, 0, 41, bytes >> 8, bytes & 0xff, 0, 0, 0, 0, 0, 0]);
}
