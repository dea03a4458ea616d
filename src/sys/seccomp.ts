import { closeSync, fstatSync, readSync } from 'node:fs';
import { arch } from 'node:os';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import koffi from 'koffi';
import { check, declare } from './libc.ts';
import type { ResolvedSeccomp, SeccompArgument, SeccompRule } from './resolved-seccomp.ts';
import { prependSyscallTable } from './seccomp-bpf.ts';

/** Turns a resolved profile into the program for `seccomp(SECCOMP_SET_MODE_FILTER)`. */
export interface SeccompCompiler {
  /** changes whenever the same profile could compile to something else */
  readonly version: string;
  /** @throws {Error} with the reason when libseccomp refuses the profile. */
  compile(profile: ResolvedSeccomp): Promise<Buffer>;
}

/** Work is done in slices of this length, so that compiling never holds the event loop. */
const SLICE_MS = 1;
const PERMISSION_DENIED = 1;
/** `__NR_SCMP_ERROR` of seccomp.h */
const UNKNOWN_SYSCALL = -1;
const MFD_CLOEXEC = 1;
/** `SCMP_FLTATR_CTL_OPTIMIZE`; 2 is a binary tree over the system call numbers (libseccomp 2.5) */
const OPTIMIZE_ATTRIBUTE = 8;
const BINARY_TREE = 2;
const ARGUMENT_BYTES = 24;
/** `enum scmp_compare` of seccomp.h */
const OPERATORS = new Map([
  ['SCMP_CMP_NE', 1],
  ['SCMP_CMP_LT', 2],
  ['SCMP_CMP_LE', 3],
  ['SCMP_CMP_EQ', 4],
  ['SCMP_CMP_GE', 5],
  ['SCMP_CMP_GT', 6],
  ['SCMP_CMP_MASKED_EQ', 7],
]);

/** @returns the compiler, or `undefined` where libseccomp (≥ 2.5) cannot be loaded. */
export function loadSeccompCompiler(): SeccompCompiler | undefined {
  try {
    return libseccompCompiler(bindLibseccomp());
  } catch {
    return undefined; // the runtime compiles the profile itself, more slowly
  }
}

type Context = unknown;

interface Libseccomp {
  readonly version: string;
  init(action: number): Context;
  release(context: Context): void;
  archResolve(name: string): number;
  archAdd(context: Context, token: number): number;
  resolve(name: string): number;
  setAttribute(context: Context, attribute: number, value: number): number;
  addRule(context: Context, action: number, syscall: number, count: number, args: Buffer | null): number;
  export(context: Context, fd: number): Promise<number>;
}

const memfdCreate = declare('int memfd_create(const char *name, unsigned int flags)');

function bindLibseccomp(): Libseccomp {
  const library = koffi.load('libseccomp.so.2');
  const version = library.func('const void *seccomp_version()'); // three unsigned ints
  const exportBpf = library.func('int seccomp_export_bpf(void *ctx, int fd)');
  // koffi's functions are untyped; each is used with exactly the C prototype given here.
  const numbers: unknown = koffi.decode(version(), 'unsigned int', 3);
  return {
    version: String(numbers),
    init: library.func('void *seccomp_init(uint32_t action)'),
    release: library.func('void seccomp_release(void *ctx)'),
    archResolve: library.func('uint32_t seccomp_arch_resolve_name(const char *name)'),
    archAdd: library.func('int seccomp_arch_add(void *ctx, uint32_t token)'),
    resolve: library.func('int seccomp_syscall_resolve_name(const char *name)'),
    setAttribute: library.func('int seccomp_attr_set(void *ctx, int attr, uint32_t value)'),
    addRule: library.func(
      'int seccomp_rule_add_array(void *ctx, uint32_t action, int syscall, unsigned int count, const void *args)',
    ),
    export: (context, fd) =>
      new Promise((resolve, reject) => {
        exportBpf.async(context, fd, (error: unknown, result: number) =>
          error ? reject(error) : resolve(result),
        );
      }),
  };
}

function libseccompCompiler(library: Libseccomp): SeccompCompiler {
  return {
    version: `${library.version} ${arch()} 1`,
    async compile(profile) {
      const context = library.init(actionOf(profile.defaultAction, profile.defaultErrnoRet));
      if (!context) throw new Error(`invalid default seccomp action "${profile.defaultAction}"`);
      try {
        addArchitectures(library, context, profile.architectures);
        // Not in every build of libseccomp; the filter is the same, only longer to walk.
        library.setAttribute(context, OPTIMIZE_ATTRIBUTE, BINARY_TREE);
        const known = await addRules(library, context, profile);
        return prependSyscallTable(await exportProgram(library, context), profile, {
          ...known,
          machine: arch(),
        });
      } finally {
        library.release(context);
      }
    },
  };
}

function addArchitectures(library: Libseccomp, context: Context, names: readonly string[]): void {
  for (const name of names) {
    const token = library.archResolve(name.replace(/^SCMP_ARCH_/, '').toLowerCase());
    if (token === 0) throw new Error(`unknown seccomp architecture "${name}"`);
    const result = library.archAdd(context, token);
    if (result < 0 && result !== -17) throw failure(`cannot add seccomp architecture "${name}"`, result);
  }
}

/** @returns the names this libseccomp is too old to know, and the highest number it gave to a name. */
async function addRules(
  library: Libseccomp,
  context: Context,
  profile: ResolvedSeccomp,
): Promise<{ readonly unknown: ReadonlySet<string>; readonly highest: number }> {
  const unknown = new Set<string>();
  let highest = 0;
  const defaultAction = actionOf(profile.defaultAction, profile.defaultErrnoRet);
  let sliceStart = performance.now();
  for (const rule of profile.syscalls) {
    const action = actionOf(rule.action, rule.errnoRet);
    if (action === defaultAction) continue; // libseccomp refuses rules that change nothing
    for (const name of rule.names) {
      const syscall = library.resolve(name);
      if (syscall === UNKNOWN_SYSCALL) unknown.add(name);
      else addRule(library, context, rule, action, name, syscall);
      highest = Math.max(highest, syscall);
      if (performance.now() - sliceStart > SLICE_MS) {
        await yieldToLoop();
        sliceStart = performance.now();
      }
    }
  }
  return { unknown, highest };
}

function addRule(
  library: Libseccomp,
  context: Context,
  rule: SeccompRule,
  action: number,
  name: string,
  syscall: number,
): void {
  for (const args of alternatives(rule.args ?? [])) {
    const result = library.addRule(context, action, syscall, args.length, encodeArguments(args));
    if (result < 0) throw failure(`cannot add seccomp rule for "${name}"`, result);
  }
}

/** Runtimes read several comparisons of one argument as alternatives, otherwise all must hold. */
function alternatives(args: readonly SeccompArgument[]): readonly (readonly SeccompArgument[])[] {
  const hasRepeated = new Set(args.map(({ index }) => index)).size < args.length;
  return hasRepeated ? args.map(arg => [arg]) : [args];
}

/** `struct scmp_arg_cmp[]` of seccomp.h */
function encodeArguments(args: readonly SeccompArgument[]): Buffer | null {
  if (args.length === 0) return null;
  const bytes = Buffer.alloc(args.length * ARGUMENT_BYTES);
  for (const [position, { index, op, value, valueTwo }] of args.entries()) {
    const operator = OPERATORS.get(op);
    if (operator === undefined) throw new Error(`unknown seccomp operator "${op}"`);
    if (index > 5) throw new Error(`invalid seccomp argument index ${index}`);
    const offset = position * ARGUMENT_BYTES;
    bytes.writeUInt32LE(index, offset);
    bytes.writeUInt32LE(operator, offset + 4);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), offset + 8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(valueTwo)), offset + 16);
  }
  return bytes;
}

/** Actions of seccomp.h; the low 16 bits carry the errno. */
function actionOf(name: string, errno = PERMISSION_DENIED): number {
  switch (name) {
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return 0x0000_0000;
    case 'SCMP_ACT_KILL_PROCESS':
      return 0x8000_0000;
    case 'SCMP_ACT_TRAP':
      return 0x0003_0000;
    case 'SCMP_ACT_ERRNO':
      return (0x0005_0000 | (errno & 0xffff)) >>> 0;
    case 'SCMP_ACT_TRACE':
      return (0x7ff0_0000 | (errno & 0xffff)) >>> 0;
    case 'SCMP_ACT_LOG':
      return 0x7ffc_0000;
    case 'SCMP_ACT_ALLOW':
      return 0x7fff_0000;
    default:
      throw new Error(`unknown seccomp action "${name}"`);
  }
}

async function exportProgram(library: Libseccomp, context: Context): Promise<Buffer> {
  const fd = check('memfd_create', memfdCreate('seccomp', MFD_CLOEXEC));
  try {
    const result = await library.export(context, fd);
    if (result < 0) throw failure('cannot compile the seccomp profile', result);
    const program = Buffer.alloc(fstatSync(fd).size);
    readSync(fd, program, 0, program.length, 0);
    return program;
  } finally {
    closeSync(fd);
  }
}

function failure(what: string, result: number): Error {
  return new Error(`${what}: libseccomp error ${-result}`);
}
