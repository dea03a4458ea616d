import assert from 'node:assert/strict';
import { arch } from 'node:os';
import { test } from 'node:test';
import { I386, runFilter } from './fake-seccomp-kernel.ts';
import type { ResolvedSeccomp } from './resolved-seccomp.ts';
import { loadSeccompCompiler } from './seccomp.ts';
import { prependSyscallTable } from './seccomp-bpf.ts';

const compiler = loadSeccompCompiler();
const skip = compiler && arch() === 'x64' ? false : 'needs libseccomp on x86-64';

const READ = 0;
const WRITE = 1;
const SOCKET = 41;

test('compile() makes a filter that does what the profile says', { skip }, async () => {
  const program = await compile({
    syscalls: [
      { names: ['read', 'no_such_call'], action: 'SCMP_ACT_ALLOW' },
      { names: ['write'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
      { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [equal(0, 2), equal(1, 1)] },
    ],
  });

  assert.equal(runFilter(program, { number: READ }), 'allow');
  assert.equal(runFilter(program, { number: WRITE }), 'errno 38');
  assert.equal(runFilter(program, { number: SOCKET, args: [2, 1] }), 'allow');
  assert.equal(runFilter(program, { number: SOCKET, args: [2, 2] }), 'errno 1');
  assert.equal(runFilter(program, { number: 3 }), 'errno 1');
});

test('compile() takes several comparisons of one argument as alternatives, as runtimes do', {
  skip,
}, async () => {
  const program = await compile({
    syscalls: [{ names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [equal(0, 1), equal(0, 2)] }],
  });

  assert.equal(runFilter(program, { number: SOCKET, args: [1] }), 'allow');
  assert.equal(runFilter(program, { number: SOCKET, args: [2] }), 'allow');
  assert.equal(runFilter(program, { number: SOCKET, args: [3] }), 'errno 1');
});

test('compile() compares all 64 bits', { skip }, async () => {
  const large = 2n ** 64n - 1n;
  const program = await compile({
    syscalls: [{ names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [equal(0, large)] }],
  });

  assert.equal(runFilter(program, { number: SOCKET, args: [large] }), 'allow');
  assert.equal(runFilter(program, { number: SOCKET, args: [0xffff_ffff] }), 'errno 1');
});

test('compile() covers the other architectures of the profile', { skip }, async () => {
  const program = await compile({ syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] });
  assert.equal(runFilter(program, { architecture: I386, number: 3 }), 'allow');
  assert.notEqual(runFilter(program, { architecture: 0xc000_00b7, number: READ }), 'allow');
});

test('compile() refuses what libseccomp does not understand', { skip }, async () => {
  const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW' };
  await assert.rejects(
    compile({ syscalls: [{ ...rule, action: 'ALLOW' }] }),
    /unknown seccomp action "ALLOW"/,
  );
  const args = [{ ...equal(0, 1), op: 'SCMP_CMP_SOME' }];
  await assert.rejects(
    compile({ syscalls: [{ ...rule, args }] }),
    /unknown seccomp operator "SCMP_CMP_SOME"/,
  );
  await assert.rejects(
    compile({ architectures: ['SCMP_ARCH_Z80'] }),
    /unknown seccomp architecture "SCMP_ARCH_Z80"/,
  );
});

test('prependSyscallTable() allows young calls by number and answers younger ones with ENOSYS', () => {
  const deny = Buffer.from([0x06, 0, 0, 0, 1, 0, 5, 0]); // return errno 1
  const profile = resolved({
    syscalls: [{ names: ['fchmodat2', 'mseal', 'uretprobe'], action: 'SCMP_ACT_ALLOW' }],
  });
  const known = { unknown: new Set(['fchmodat2', 'uretprobe']), highest: 450, machine: 'x64' };
  const program = prependSyscallTable(deny, profile, known);

  assert.equal(runFilter(program, { number: 452 }), 'allow');
  assert.equal(runFilter(program, { number: 335 }), 'allow');
  assert.equal(runFilter(program, { number: 462 }), 'errno 1', 'libseccomp knew it: its program decides');
  assert.equal(runFilter(program, { number: 466 }), 'errno 1');
  assert.equal(runFilter(program, { number: 467 }), 'errno 38');
  assert.equal(runFilter(program, { number: 0x4000_0000 + 467 }), 'errno 1', 'x32');
  assert.equal(runFilter(program, { architecture: I386, number: 467 }), 'errno 1');
});

test('prependSyscallTable() leaves calls alone that libseccomp knows above its own list', () => {
  const allow = Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);
  const known = { unknown: new Set<string>(), highest: 470, machine: 'x64' };
  const program = prependSyscallTable(allow, resolved({}), known);

  assert.equal(runFilter(program, { number: 470 }), 'allow');
  assert.equal(runFilter(program, { number: 471 }), 'errno 38');
});

test('prependSyscallTable() changes nothing where calls are allowed by default', () => {
  const program = Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);
  const known = { unknown: new Set<string>(), highest: 450, machine: 'x64' };
  assert.equal(prependSyscallTable(program, resolved({ defaultAction: 'SCMP_ACT_ALLOW' }), known), program);
});

function compile(changes: Partial<ResolvedSeccomp>): Promise<Buffer> {
  assert.ok(compiler);
  return compiler.compile(resolved(changes));
}

function resolved(changes: Partial<ResolvedSeccomp>): ResolvedSeccomp {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    syscalls: [],
    ...changes,
  };
}

function equal(index: number, value: number | bigint) {
  return { index, value, valueTwo: 0, op: 'SCMP_CMP_EQ' };
}
