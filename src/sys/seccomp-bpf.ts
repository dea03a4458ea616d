import type { ResolvedSeccomp } from './resolved-seccomp.ts';

/** Instructions of classic BPF (linux/filter.h) as seccomp uses them. */
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_GREATER_EQUAL = 0x35;
const RETURN = 0x06;
const INSTRUCTION_BYTES = 8;
const MAX_INSTRUCTIONS = 4096;

/** Offsets in `struct seccomp_data` */
const SYSCALL_NUMBER = 0;
const ARCHITECTURE = 4;

const RETURN_ALLOW = 0x7fff_0000;
const RETURN_ENOSYS = 0x0005_0000 | 38;
const X32_BIT = 0x4000_0000;

/** `AUDIT_ARCH_*` of linux/audit.h for the architectures whose new calls have the common numbers. */
const AUDIT_ARCHITECTURES = new Map([
  ['x64', 0xc000_003e],
  ['arm64', 0xc000_00b7],
  ['riscv64', 0xc000_00f3],
]);

/**
 * System calls younger than some libseccomp in use (2.5.4 ends at Linux 5.17). From 424 on, a call has the same number on every architecture
 * but alpha and mips.
 */
const YOUNG_SYSCALLS = new Map([
  ['cachestat', 451],
  ['fchmodat2', 452],
  ['map_shadow_stack', 453],
  ['futex_wake', 454],
  ['futex_wait', 455],
  ['futex_requeue', 456],
  ['statmount', 457],
  ['listmount', 458],
  ['lsm_get_self_attr', 459],
  ['lsm_set_self_attr', 460],
  ['lsm_list_modules', 461],
  ['mseal', 462],
  ['setxattrat', 463],
  ['getxattrat', 464],
  ['listxattrat', 465],
  ['removexattrat', 466],
]);
const YOUNGEST = 466;
/** Only there outside the common numbers; called by the kernel's own trampoline (x86, Linux 6.11). */
const URETPROBE = 335;

export interface KnownSyscalls {
  /** names of the profile that libseccomp could not resolve */
  readonly unknown: ReadonlySet<string>;
  /** the highest number it resolved one to */
  readonly highest: number;
  /** as `os.arch()` names it */
  readonly machine: string;
}

/**
 * Puts a few instructions before a program: calls which the profile allows but libseccomp is too old to know are
 * allowed by number, and calls younger than the whole profile fail with ENOSYS, not EPERM.
 *
 * The C libraries try a new call first and fall back on ENOSYS only: with EPERM, `chmod` of a current glibc fails
 * in a container on an older host. Only the native architecture is treated; others keep the plain program.
 */
export function prependSyscallTable(
  program: Buffer,
  profile: ResolvedSeccomp,
  { unknown, highest, machine }: KnownSyscalls,
): Buffer {
  const architecture = AUDIT_ARCHITECTURES.get(machine);
  if (architecture === undefined || profile.defaultAction !== 'SCMP_ACT_ERRNO') return program;
  const allowed = allowedNumbers(profile, unknown, machine);
  const table = encode(tableInstructions(architecture, allowed, Math.max(YOUNGEST, highest)));
  if ((table.length + program.length) / INSTRUCTION_BYTES > MAX_INSTRUCTIONS) return program;
  return Buffer.concat([table, program]);
}

function allowedNumbers(
  profile: ResolvedSeccomp,
  unknown: ReadonlySet<string>,
  machine: string,
): readonly number[] {
  const numbers = new Set<number>();
  for (const rule of profile.syscalls) {
    if (rule.action !== 'SCMP_ACT_ALLOW' || (rule.args ?? []).length > 0) continue;
    for (const name of rule.names) {
      const number = name === 'uretprobe' && machine === 'x64' ? URETPROBE : YOUNG_SYSCALLS.get(name);
      if (number !== undefined && unknown.has(name)) numbers.add(number);
    }
  }
  return [...numbers].toSorted((a, b) => a - b);
}

type Instruction = readonly [code: number, jumpIf: number, jumpElse: number, value: number];

function tableInstructions(
  architecture: number,
  allowed: readonly number[],
  youngest: number,
): readonly Instruction[] {
  // Each test of a number is a compare and a return, and the end of the table takes two more.
  const rest = allowed.length * 2 + 2;
  return [
    [LOAD_WORD, 0, 0, ARCHITECTURE],
    [JUMP_EQUAL, 0, rest + 2, architecture],
    [LOAD_WORD, 0, 0, SYSCALL_NUMBER],
    [JUMP_GREATER_EQUAL, rest, 0, X32_BIT],
    ...allowed.flatMap((number): Instruction[] => [
      [JUMP_EQUAL, 0, 1, number],
      [RETURN, 0, 0, RETURN_ALLOW],
    ]),
    [JUMP_GREATER, 0, 1, youngest],
    [RETURN, 0, 0, RETURN_ENOSYS],
  ];
}

/** `struct sock_filter[]` */
function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * INSTRUCTION_BYTES);
  for (const [index, [code, jumpIf, jumpElse, value]] of instructions.entries()) {
    const offset = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, offset);
    bytes.writeUInt8(jumpIf, offset + 2);
    bytes.writeUInt8(jumpElse, offset + 3);
    bytes.writeUInt32LE(value, offset + 4);
  }
  return bytes;
}
