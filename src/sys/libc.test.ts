import assert from 'node:assert/strict';
import { statSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext, runInThisContext } from 'node:vm';
import { createPipe } from './descriptors.ts';
import { declare, declareAsync, lastErrno } from './libc.ts';

test('lastErrno() is that of the call, whatever fails on the thread before it is asked for', () => {
  const close = declare('int close(int fd)');
  assert.equal(close(-1), -1);
  assert.equal(statSync('/nothing/of/this/name', { throwIfNoEntry: false }), undefined); // sets ENOENT
  assert.equal(lastErrno(), constants.errno.EBADF);
});

test('declareAsync(): a buffer that only the call on the other thread has outlives every collection until that is over', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void; // only contexts made after the flag have it
  const read = declareAsync('long read(int fd, void *buffer, size_t size)');
  using ends = pipeEnds();
  await optimize(read, () => readWhatIsThere(read, ends)); // until then V8 keeps all that a function ever had at hand
  const { call, buffer } = readIntoForgottenBuffer(read, ends.reader);

  for (let turn = 0; turn < 3; turn += 1) {
    await nextTurn(); // what a WeakRef was made of in this turn is held until its end
    collect();
  }
  assert.ok(buffer.deref(), 'it waits in read(2)');

  writeSync(ends.writer, 'x');
  assert.equal(await call, 1);
  await nextTurn();
  collect();
  assert.equal(buffer.deref(), undefined, 'and nobody holds it any longer');
});

/** Has V8 compile a function as it does with those that are called often. */
async function optimize(work: unknown, call: () => Promise<void>): Promise<void> {
  setFlagsFromString('--allow-natives-syntax');
  const prepare = runInThisContext('(work) => %PrepareFunctionForOptimization(work)') as (
    work: unknown,
  ) => void;
  const optimizeNext = runInThisContext('(work) => %OptimizeFunctionOnNextCall(work)') as typeof prepare;
  prepare(work);
  await call();
  optimizeNext(work);
  await call();
  setFlagsFromString('--no-allow-natives-syntax');
}

async function readWhatIsThere(
  read: (...args: readonly unknown[]) => Promise<number>,
  ends: { readonly reader: number; readonly writer: number },
): Promise<void> {
  writeSync(ends.writer, 'x');
  await read(ends.reader, Buffer.alloc(8), 8);
}

function readIntoForgottenBuffer(
  read: (...args: readonly unknown[]) => Promise<number>,
  fd: number,
): { readonly call: Promise<number>; readonly buffer: WeakRef<ArrayBufferLike> } {
  const memory = Buffer.allocUnsafeSlow(64);
  return { call: read(fd, memory, memory.length), buffer: new WeakRef(memory.buffer) };
}

function pipeEnds(): { readonly reader: number; readonly writer: number } & Disposable {
  const { reader, writer } = createPipe();
  return {
    reader: reader.number,
    writer: writer.number,
    [Symbol.dispose]: () => {
      writer[Symbol.dispose]();
      reader[Symbol.dispose]();
    },
  };
}
