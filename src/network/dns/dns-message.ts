/**
 * DNS messages as far as a resolver that passes most of them on has to understand them (RFC 1035, RFC 6891): the
 * question of a query, and answers of our own. Nothing here throws for what a packet contains.
 */

export const DNS_TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

export const HEADER_BYTES = 12;
/** without EDNS (RFC 1035, 2.3.4) */
export const PLAIN_UDP_BYTES = 512;
/** More than any question takes; what is longer is refused. */
export const QUERY_BYTES_MAX = 4096;

const CLASS_IN = 1;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const POINTER = 0xc0;
const ADDITIONAL_MAX = 8;
const FLAG = {
  response: 0x8000,
  truncated: 0x0200,
  authoritative: 0x0400,
  recursion: 0x0100,
  canRecurse: 0x0080,
};
const CHECKING_DISABLED = 0x0010;
const OPCODE = 0x7800;

export interface DnsQuery {
  /** the packet as it came */
  readonly packet: Buffer;
  readonly id: number;
  /** lower case, without the last dot; bytes that are no letters of host names are written as `\ddd` */
  readonly name: string;
  readonly type: number;
  readonly isInternet: boolean;
  /** where the question ends in `packet` */
  readonly questionEnd: number;
  /** how long an answer by UDP may be */
  readonly udpBytes: number;
  readonly hasEdns: boolean;
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: DnsQuery }
  /** an answer that says what is wrong */
  | { readonly kind: 'refused'; readonly answer: Buffer }
  /** nothing that anybody waits for an answer to */
  | { readonly kind: 'ignored' };

export function parseQuery(packet: Buffer): ParsedQuery {
  if (packet.length < HEADER_BYTES) return { kind: 'ignored' };
  const flags = packet.readUInt16BE(2);
  if ((flags & FLAG.response) !== 0) return { kind: 'ignored' };
  if ((flags & OPCODE) !== 0) return refusal(packet, RCODE.notImplemented);
  const isOneQuestion =
    packet.readUInt16BE(4) === 1 && packet.readUInt16BE(6) === 0 && packet.readUInt16BE(8) === 0;
  if (!isOneQuestion || packet.length > QUERY_BYTES_MAX) return refusal(packet, RCODE.formatError);
  const name = readName(packet, HEADER_BYTES);
  if (!name || name.end + 4 > packet.length) return refusal(packet, RCODE.formatError);
  const questionEnd = name.end + 4;
  const edns = findEdns(packet, questionEnd, packet.readUInt16BE(10));
  if (edns === 'malformed') return refusal(packet, RCODE.formatError);
  const query: DnsQuery = {
    packet,
    id: packet.readUInt16BE(0),
    name: name.text,
    type: packet.readUInt16BE(name.end),
    isInternet: packet.readUInt16BE(name.end + 2) === CLASS_IN,
    questionEnd,
    udpBytes: Math.min(Math.max(edns?.udpBytes ?? 0, PLAIN_UDP_BYTES), QUERY_BYTES_MAX),
    hasEdns: edns !== undefined,
  };
  if (edns && edns.version !== 0) {
    return {
      kind: 'refused',
      answer: encodeAnswer(query, { rcode: RCODE.badVersion, records: [] }, PLAIN_UDP_BYTES),
    };
  }
  return { kind: 'query', query };
}

/** One record of an answer; its owner is the name that was asked for. */
export interface DnsRecord {
  readonly type: number;
  readonly data: Buffer;
}

export interface DnsAnswer {
  readonly rcode: number;
  readonly records: readonly DnsRecord[];
  /** how long it may be remembered */
  readonly ttlSeconds?: number;
}

/** An answer of ours. Records that do not fit into `limit` bytes are left out, and the answer says so (TC). */
export function encodeAnswer(query: DnsQuery, answer: DnsAnswer, limit: number): Buffer {
  const { packet, questionEnd } = query;
  const ednsBytes = query.hasEdns ? 11 : 0;
  let length = questionEnd + ednsBytes;
  let count = 0;
  for (const { data } of answer.records) {
    if (length + 12 + data.length > limit) break;
    length += 12 + data.length;
    count += 1;
  }
  const isCut = count < answer.records.length;
  const bytes = Buffer.allocUnsafe(length);
  packet.copy(bytes, 0, 0, questionEnd);
  const kept = packet.readUInt16BE(2) & (FLAG.recursion | CHECKING_DISABLED);
  const flags = FLAG.response | FLAG.authoritative | FLAG.canRecurse | kept | (isCut ? FLAG.truncated : 0);
  bytes.writeUInt16BE(flags | (answer.rcode & 0xf), 2);
  writeCounts(bytes, { answers: count, additional: query.hasEdns ? 1 : 0 });
  let offset = questionEnd;
  for (const { type, data } of answer.records.slice(0, count)) {
    bytes.writeUInt16BE((POINTER << 8) | HEADER_BYTES, offset);
    bytes.writeUInt16BE(type, offset + 2);
    bytes.writeUInt16BE(CLASS_IN, offset + 4);
    bytes.writeUInt32BE(answer.ttlSeconds ?? 0, offset + 6);
    bytes.writeUInt16BE(data.length, offset + 10);
    data.copy(bytes, offset + 12);
    offset += 12 + data.length;
  }
  if (query.hasEdns) writeEdns(bytes, offset, answer.rcode >> 4);
  return bytes;
}

/** "Too long, ask again by TCP". */
export function truncatedAnswer(query: DnsQuery): Buffer {
  const bytes = encodeAnswer(query, { rcode: RCODE.noError, records: [] }, query.udpBytes);
  bytes.writeUInt16BE((bytes.readUInt16BE(2) | FLAG.truncated) & ~FLAG.authoritative, 2);
  return bytes;
}

/** Whether a packet answers a question that we passed on under `id`: the same name, type and class in it. */
export function answers(packet: Buffer, query: DnsQuery, id: number): boolean {
  const { questionEnd } = query;
  if (packet.length < questionEnd || packet.readUInt16BE(0) !== id) return false;
  if ((packet.readUInt16BE(2) & FLAG.response) === 0 || packet.readUInt16BE(4) !== 1) return false;
  for (let at = HEADER_BYTES; at < questionEnd; at += 1) {
    if (lowerCase(packet[at] ?? 0) !== lowerCase(query.packet[at] ?? 0)) return false;
  }
  return true;
}

export function rcodeOf(packet: Buffer): number {
  return (packet[3] ?? 0) & 0xf;
}

/** A name as a record holds it. @throws {RangeError} for what cannot be one: names are checked before they get here. */
export function encodeName(name: string): Buffer {
  const labels = name.split('.').map(label => Buffer.from(label, 'latin1'));
  const bytes = Buffer.concat([
    ...labels.flatMap(label => [Buffer.from([label.length]), label]),
    Buffer.alloc(1),
  ]);
  const isName = labels.every(label => label.length > 0 && label.length <= LABEL_BYTES_MAX);
  if (!isName || bytes.length > NAME_BYTES_MAX) throw new RangeError(`"${name}" is not a DNS name`);
  return bytes;
}

/** Compression has no use in a question, so a pointer there is malformed and none is ever followed. */
function readName(packet: Buffer, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    at += 1;
    if (length === 0) return { text: labels.join('.'), end: at };
    if (at + length > packet.length || at + length - start >= NAME_BYTES_MAX) return undefined;
    labels.push(readLabel(packet, at, length));
    at += length;
  }
}

function readLabel(packet: Buffer, start: number, length: number): string {
  const text = packet.toString('latin1', start, start + length).toLowerCase();
  if (/^[!-\-/-[\]-~]*$/.test(text)) return text;
  return text.replaceAll(
    /[^!-\-/-[\]-~]/g,
    (byte: string) => `\\${byte.charCodeAt(0).toString().padStart(3, '0')}`,
  );
}

interface Edns {
  readonly udpBytes: number;
  readonly version: number;
}

function findEdns(packet: Buffer, start: number, count: number): Edns | undefined | 'malformed' {
  if (count > ADDITIONAL_MAX) return 'malformed';
  let at = start;
  let edns: Edns | undefined;
  for (let index = 0; index < count; index += 1) {
    const fixed = skipName(packet, at);
    if (fixed === undefined || fixed + 10 > packet.length) return 'malformed';
    if (packet.readUInt16BE(fixed) === DNS_TYPE.OPT) {
      if (edns) return 'malformed';
      edns = { udpBytes: packet.readUInt16BE(fixed + 2), version: packet[fixed + 5] ?? 0 };
    }
    at = fixed + 10 + packet.readUInt16BE(fixed + 8);
    if (at > packet.length) return 'malformed';
  }
  return edns;
}

/** @returns where a name ends, without looking at what a pointer in it leads to. */
function skipName(packet: Buffer, start: number): number | undefined {
  let at = start;
  while (at - start < NAME_BYTES_MAX) {
    const length = packet[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length >= POINTER) return at + 2;
    if (length > LABEL_BYTES_MAX) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** The header alone: what follows it could not be read. */
function refusal(packet: Buffer, rcode: number): ParsedQuery {
  const bytes = Buffer.alloc(HEADER_BYTES);
  packet.copy(bytes, 0, 0, 2);
  const kept = packet.readUInt16BE(2) & (OPCODE | FLAG.recursion);
  bytes.writeUInt16BE(FLAG.response | FLAG.canRecurse | kept | rcode, 2);
  return { kind: 'refused', answer: bytes };
}

function writeCounts(bytes: Buffer, counts: { readonly answers: number; readonly additional: number }): void {
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(counts.answers, 6);
  bytes.writeUInt16BE(0, 8);
  bytes.writeUInt16BE(counts.additional, 10);
}

function writeEdns(bytes: Buffer, offset: number, extendedRcode: number): void {
  bytes.fill(0, offset, offset + 11);
  bytes.writeUInt16BE(DNS_TYPE.OPT, offset + 1);
  bytes.writeUInt16BE(QUERY_BYTES_MAX, offset + 3);
  bytes.writeUInt8(extendedRcode, offset + 5);
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
