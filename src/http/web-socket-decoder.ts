export type WebSocketEvent =
  | { readonly type: 'data'; readonly data: Buffer }
  | { readonly type: 'ping'; readonly data: Buffer }
  | { readonly type: 'pong' }
  | { readonly type: 'close' };

const CONTINUATION = 0x0;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
/** RFC 6455, section 5.5 */
const MAX_CONTROL_BYTES = 125;
const MASK_BYTES = 4;

interface Frame {
  readonly opcode: number;
  readonly mask: Buffer;
  remaining: bigint;
  offset: number;
  /** what a control frame holds so far */
  control: Buffer;
}

/**
 * Decodes the frames of a client (RFC 6455, section 5.2). Data is handed on as it arrives, so that the size a frame
 * claims costs nothing; only control frames, of at most 125 bytes, are collected.
 */
export class WebSocketDecoder {
  #pending: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;

  /** @throws {RangeError} for a frame that a client must not send. */
  *push(chunk: Buffer): Generator<WebSocketEvent> {
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    for (;;) {
      this.#frame ??= this.#readHead();
      if (!this.#frame) return;
      if (this.#frame.remaining > 0n && this.#pending.length === 0) return;
      const event = this.#readPayload(this.#frame);
      if (this.#frame.remaining === 0n) this.#frame = undefined;
      if (event) yield event;
    }
  }

  #readHead(): Frame | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const first = bytes.readUInt8(0);
    const second = bytes.readUInt8(1);
    const opcode = first & 0x0f;
    checkHead({ opcode, reserved: first & 0x70, isMasked: (second & 0x80) !== 0 });
    const shortLength = second & 0x7f;
    const lengthBytes = shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0;
    const size = 2 + lengthBytes + MASK_BYTES;
    if (opcode >= CLOSE && (shortLength > MAX_CONTROL_BYTES || (first & 0x80) === 0)) {
      throw new RangeError('a control frame is fragmented or too long');
    }
    if (bytes.length < size) return undefined;
    const remaining =
      lengthBytes === 8
        ? bytes.readBigUInt64BE(2)
        : BigInt(lengthBytes === 2 ? bytes.readUInt16BE(2) : shortLength);
    this.#pending = bytes.subarray(size);
    return {
      opcode,
      mask: bytes.subarray(size - MASK_BYTES, size),
      remaining,
      offset: 0,
      control: Buffer.alloc(0),
    };
  }

  #readPayload(frame: Frame): WebSocketEvent | undefined {
    const available = BigInt(this.#pending.length);
    const take = Number(available < frame.remaining ? available : frame.remaining);
    const data = Buffer.from(this.#pending.subarray(0, take));
    for (let index = 0; index < take; index++) {
      data[index] = (data[index] ?? 0) ^ (frame.mask[(frame.offset + index) % MASK_BYTES] ?? 0);
    }
    this.#pending = this.#pending.subarray(take);
    frame.offset = (frame.offset + take) % MASK_BYTES;
    frame.remaining -= BigInt(take);
    if (frame.opcode < CLOSE) return take > 0 ? { type: 'data', data } : undefined;
    frame.control = Buffer.concat([frame.control, data]);
    return frame.remaining === 0n ? controlEvent(frame.opcode, frame.control) : undefined;
  }
}

function checkHead(head: { opcode: number; reserved: number; isMasked: boolean }): void {
  if (head.reserved !== 0) throw new RangeError('reserved bits are set, and no extension was agreed');
  if (!head.isMasked) throw new RangeError('a client must mask its frames');
  const isKnown =
    (head.opcode >= CONTINUATION && head.opcode <= 2) || (head.opcode >= CLOSE && head.opcode <= PONG);
  if (!isKnown) throw new RangeError(`unknown opcode ${head.opcode}`);
}

function controlEvent(opcode: number, data: Buffer): WebSocketEvent {
  if (opcode === CLOSE) return { type: 'close' };
  return opcode === PING ? { type: 'ping', data } : { type: 'pong' };
}
