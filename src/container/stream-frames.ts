/**
 * Docker's multiplexed stream: each frame is `[stream, 0, 0, 0, length (4 bytes, big endian)]` and then its bytes
 * (Engine API, "Stream format" of `POST /containers/{id}/attach`).
 */
export const FRAME_HEADER_BYTES = 8;

const STREAM_NUMBERS = { stdin: 0, stdout: 1, stderr: 2 } as const;

export type StreamName = keyof typeof STREAM_NUMBERS;

export function frameHeader(stream: StreamName, length: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  writeFrameHeader(header, stream, length);
  return header;
}

/** Puts the header into the first {@link FRAME_HEADER_BYTES} of `frame`. */
export function writeFrameHeader(frame: Buffer, stream: StreamName, length: number): void {
  frame.fill(0, 0, 4);
  frame[0] = STREAM_NUMBERS[stream];
  frame.writeUInt32BE(length, 4);
}
