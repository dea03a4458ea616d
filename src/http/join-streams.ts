import { Duplex, type Readable, type Writable } from 'node:stream';

/** One stream that reads from `readable` and writes to `writable`. Its errors are for whoever reads or writes it. */
export function joinStreams(readable: Readable, writable: Writable): Duplex {
  // A pair is what Node's documentation describes; its type declarations leave it out.
  const pair = { readable, writable } as unknown as AsyncIterable<Buffer>;
  return Duplex.from(pair).on('error', () => undefined);
}
