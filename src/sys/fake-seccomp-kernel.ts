/** A system call as a filter sees it: `struct seccomp_data`. */
export interface FakeSyscall {
  /** `AUDIT_ARCH_*`; x86-64 when absent */
  readonly architecture?: number;
  readonly number: number;
  readonly args?: readonly (number | bigint)[];
}

export const X86_64 = 0xc000_003e;
export const I386 = 0x4000_0003;

/** What the kernel does, in the words of tests: `allow`, `errno 38`, or the bare action. */
export function runFilter(program: Buffer, call: FakeSyscall): string {
  const data = seccompData(call);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const [jumpIf = 0, jumpElse = 0] = program.subarray(at * 8 + 2, at * 8 + 4);
    const value = program.readUInt32LE(at * 8 + 4);
    switch (code) {
      case 0x20: // ld [k]
        accumulator = data.readUInt32LE(value);
        break;
      case 0x54: // and k
        accumulator = (accumulator & value) >>> 0;
        break;
      case 0x05: // ja
        at += value;
        break;
      case 0x15:
        at += accumulator === value ? jumpIf : jumpElse;
        break;
      case 0x25:
        at += accumulator > value ? jumpIf : jumpElse;
        break;
      case 0x35:
        at += accumulator >= value ? jumpIf : jumpElse;
        break;
      case 0x06:
        return describe(value);
      default:
        throw new Error(`unknown instruction 0x${code.toString(16)} at ${at}`);
    }
  }
  throw new Error('the program has no end');
}

function seccompData({ architecture = X86_64, number, args = [] }: FakeSyscall): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(architecture, 4);
  for (const [index, value] of args.entries()) {
    data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 16 + index * 8);
  }
  return data;
}

function describe(action: number): string {
  if (action === 0x7fff_0000) return 'allow';
  return action >>> 16 === 5 ? `errno ${action & 0xffff}` : `0x${action.toString(16)}`;
}
