import { endianness } from 'node:os';

/**
 * Netlink messages as bytes: header, a family's fixed part, attributes. See netlink(7), rtnetlink(7) and
 * linux/netlink.h. Integers are in the machine's order unless an attribute says network order.
 */
export const isLittleEndian = endianness() === 'LE';

export const HEADER_BYTES = 16;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_ACK = 0x04;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** The attribute's payload is a list of attributes. */
export const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** One request; `what` says what it does, for error messages. */
export interface NetlinkRequest {
  readonly what: string;
  readonly type: number;
  readonly flags: number;
  /** the family's fixed part followed by attributes */
  readonly payload: Buffer;
}

/** One message as received. */
export interface NetlinkReply {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  writeU16(bytes, value, 0);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  writeU32(bytes, value, 0);
  return bytes;
}

/** Network byte order, as netfilter's attributes are. */
export function be16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function be32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A NUL-terminated string. @throws {RangeError} when it contains a NUL itself. */
export function text(value: string): Buffer {
  if (value.includes('\0')) throw new RangeError(`NUL in netlink string ${JSON.stringify(value)}`);
  return Buffer.from(`${value}\0`);
}

function writeU16(bytes: Buffer, value: number, offset: number): void {
  if (isLittleEndian) bytes.writeUInt16LE(value, offset);
  else bytes.writeUInt16BE(value, offset);
}

function writeU32(bytes: Buffer, value: number, offset: number): void {
  if (isLittleEndian) bytes.writeUInt32LE(value >>> 0, offset);
  else bytes.writeUInt32BE(value >>> 0, offset);
}

export function readU16(bytes: Buffer, offset: number): number {
  return isLittleEndian ? bytes.readUInt16LE(offset) : bytes.readUInt16BE(offset);
}

export function readU32(bytes: Buffer, offset: number): number {
  return isLittleEndian ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
}

export function readI32(bytes: Buffer, offset: number): number {
  return isLittleEndian ? bytes.readInt32LE(offset) : bytes.readInt32BE(offset);
}

/** A string attribute without its terminator. */
export function readText(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** One attribute, padded to four bytes. @throws {RangeError} when it is longer than 65,531 bytes. */
export function attribute(type: number, value: Buffer): Buffer {
  const length = 4 + value.length;
  if (length > 0xffff) throw new RangeError(`netlink attribute ${type} takes ${length} bytes`);
  const bytes = Buffer.allocUnsafe(align4(length));
  writeU16(bytes, length, 0);
  writeU16(bytes, type, 2);
  value.copy(bytes, 4);
  bytes.fill(0, length);
  return bytes;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...children: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(children));
}

/** A whole message, header included. */
export function encodeRequest(request: NetlinkRequest, sequence: number): Buffer {
  const length = HEADER_BYTES + request.payload.length;
  const bytes = Buffer.alloc(align4(length));
  writeU32(bytes, length, 0);
  writeU16(bytes, request.type, 4);
  writeU16(bytes, request.flags | NLM_F_REQUEST, 6);
  writeU32(bytes, sequence, 8);
  request.payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Splits one received datagram. A cut tail is left out: the kernel never sends one. */
export function decodeReplies(datagram: Buffer): NetlinkReply[] {
  const replies: NetlinkReply[] = [];
  let offset = 0;
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = readU32(datagram, offset);
    if (length < HEADER_BYTES || offset + length > datagram.length) break;
    replies.push({
      type: readU16(datagram, offset + 4),
      flags: readU16(datagram, offset + 6),
      sequence: readU32(datagram, offset + 8),
      payload: datagram.subarray(offset + HEADER_BYTES, offset + length),
    });
    offset += align4(length);
  }
  return replies;
}

/** Attributes by type; of a repeated one the last. Flags in the type are removed. */
export function decodeAttributes(bytes: Buffer, start = 0): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  let offset = start;
  while (offset + 4 <= bytes.length) {
    const length = readU16(bytes, offset);
    if (length < 4 || offset + length > bytes.length) break;
    attributes.set(readU16(bytes, offset + 2) & NLA_TYPE_MASK, bytes.subarray(offset + 4, offset + length));
    offset += align4(length);
  }
  return attributes;
}

export function align4(length: number): number {
  return (length + 3) & ~3;
}
