/**
 * Docker's multiplexed stream: each frame is `[stream, 0, 0, 0, length (4 bytes, big endian)]` and then its bytes
 * (Engine API, "Stream format" of `POST /containers/{id}/attach`).
 */
export const FRAME_HEADER_BYTES = 8;

const STREAM_NUMBERS = { stdin: 0, stdout: 1, stderr: 2 } as const;

export type StreamName = keyof typeof STREAM_NUMBERS;

export function frameHeader(stream: StreamName, length: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header[0] = STREAM_NUMBERS[stream];
  header.writeUInt32BE(length, 4);
  return header;
}
