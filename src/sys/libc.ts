import koffi from 'koffi';
import { SysError } from './sys-error.ts';

/**
 * The C library by FFI. Each file of this folder declares the few functions it needs with {@link declare};
 * nothing outside this folder imports it.
 *
 * koffi is only loaded inside `sys/`. A call costs about 0.2 µs.
 */
const libc = koffi.load('libc.so.6');

let errnoOfLastCall = 0;

/** A C function as seen from here: numbers, strings, buffers in; a number out (64-bit ones may be bigint). */
export type CFunction = (...args: readonly unknown[]) => number;

/** Declares one function of libc by its C prototype. */
export function declare(prototype: string): CFunction {
  const call = libc.func(prototype);
  // koffi returns a number for every int, long and size that fits, which all of ours do.
  return (...args) => {
    const result = Number(call(...args));
    // At once: whatever runs next on this thread, the collection of garbage too, may fail at something and change it.
    if (result === -1) errnoOfLastCall = koffi.errno();
    return result;
  };
}

/** Arguments of calls that a thread of the pool is in the middle of. */
const inFlight = new Set<readonly unknown[]>();

/**
 * As {@link declare}, but called on a thread of the pool. It must not need the errno.
 *
 * The kernel reads and writes buffers of the arguments meanwhile, and koffi has no more than their addresses: here they are
 * held until the call is over, also where nobody else does.
 */
export function declareAsync(prototype: string): (...args: readonly unknown[]) => Promise<number> {
  const call = libc.func(prototype);
  return async (...args) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    inFlight.add(args);
    try {
      call.async(...args, (error: unknown, result: unknown) => (error ? reject(error) : resolve(result)));
      return Number(await promise);
    } finally {
      inFlight.delete(args);
    }
  };
}

/** The errno of the last call on this thread of what {@link declare} gave. It says something only if that call gave -1. */
export function lastErrno(): number {
  return errnoOfLastCall;
}

/**
 * Passes a result on, or throws the errno when it is -1.
 *
 * @throws {SysError}
 */
export function check(
  syscall: string,
  result: number,
  target: string | Readonly<Record<string, unknown>> = '',
): number {
  if (result === -1) throw new SysError(syscall, lastErrno(), target);
  return result;
}
