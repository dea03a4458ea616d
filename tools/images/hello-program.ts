const GREETING = `
Hello from Quai!

This text shows that your installation works. To print it:
 1. The client asked the engine, over its socket.
 2. The engine fetched the image "hello-world", unless it was there already.
 3. The engine made a container of it, and ran the program in it that writes this.
 4. The engine sent what it wrote to the client, and so to your terminal.

Something larger:
 $ docker run -it --rm debian bash
`;

/** Machine code that writes so many bytes from an address to standard output, and ends. See syscall(2). */
const CODE: Readonly<Record<string, (address: number, length: number) => Buffer>> = {
  x64: (address, length) =>
    Buffer.concat([
      Buffer.from([0xb8, 1, 0, 0, 0]), // mov eax, 1 (write)
      Buffer.from([0xbf, 1, 0, 0, 0]), // mov edi, 1
      Buffer.from([0xbe, ...word(address)]), // mov esi, address
      Buffer.from([0xba, ...word(length)]), // mov edx, length
      Buffer.from([0x0f, 0x05]), // syscall
      Buffer.from([0x31, 0xff]), // xor edi, edi
      Buffer.from([0xb8, 60, 0, 0, 0]), // mov eax, 60 (exit)
      Buffer.from([0x0f, 0x05]), // syscall
    ]),
  arm64: (address, length) =>
    Buffer.from(
      [
        0xd2800020, // mov x0, 1
        0xd2800001 | ((address & 0xffff) << 5), // mov x1, low half of the address
        0xf2a00001 | ((address >>> 16) << 5), // movk x1, its high half, lsl 16
        0xd2800002 | (length << 5), // mov x2, length
        0xd2800808, // mov x8, 64 (write)
        0xd4000001, // svc 0
        0xd2800000, // mov x0, 0
        0xd2800ba8, // mov x8, 93 (exit)
        0xd4000001, // svc 0
      ].flatMap(word),
    ),
};
const MACHINE: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

const BASE = 0x400000;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const PAGE = 0x10000; // the largest of either machine

/**
 * A static program of some six hundred bytes that greets: elf(5) with one segment, of code and text.
 *
 * @throws {RangeError} for a machine whose code is not known here.
 */
export function helloProgram(arch: string = process.arch): Buffer {
  const code = CODE[arch];
  const machine = MACHINE[arch];
  if (!code || machine === undefined)
    throw new RangeError(`no hello-world for ${arch}: there is x64 and arm64`);
  const text = Buffer.from(GREETING);
  const entry = BASE + HEADER_BYTES + SEGMENT_BYTES;
  const codeBytes = code(0, 0).length;
  const body = Buffer.concat([code(entry + codeBytes, text.length), text]);
  const size = HEADER_BYTES + SEGMENT_BYTES + body.length;
  const head = Buffer.alloc(HEADER_BYTES + SEGMENT_BYTES);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(2, 16); // an executable
  head.writeUInt16LE(machine, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(entry), 24);
  head.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  head.writeUInt16LE(HEADER_BYTES, 52);
  head.writeUInt16LE(SEGMENT_BYTES, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(1, HEADER_BYTES); // loaded
  head.writeUInt32LE(5, HEADER_BYTES + 4); // to be read and executed
  for (const offset of [16, 24]) head.writeBigUInt64LE(BigInt(BASE), HEADER_BYTES + offset);
  for (const offset of [32, 40]) head.writeBigUInt64LE(BigInt(size), HEADER_BYTES + offset);
  head.writeBigUInt64LE(BigInt(PAGE), HEADER_BYTES + 48);
  return Buffer.concat([head, body]);
}

function word(value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return [...bytes];
}
