import assert from 'node:assert/strict';
import { arch } from 'node:os';
import { before, describe, test } from 'node:test';
import { type FakeSyscall, I386, runFilter } from '#sys/fake-seccomp-kernel';
import { loadSeccompCompiler } from '#sys/seccomp';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import { DEFAULT_SECCOMP_PROFILE } from './default-seccomp-profile.ts';
import { resolveSeccomp } from './seccomp-profile.ts';

const compiler = loadSeccompCompiler();
const skip = compiler && arch() === 'x64' ? false : 'needs libseccomp on x86-64';

/** Numbers of x86-64 */
const CLONE = 56;
const SOCKET = 41;
const CLONE_NEWUSER = 0x1000_0000;
const SIGCHLD = 17;
const EPERM = 'errno 1';
const ENOSYS = 'errno 38';

let ordinary: Buffer;
let admin: Buffer;

describe('the default seccomp profile', () => {
  before(async () => {
    if (skip !== false) return;
    ordinary = await compile(DEFAULT_CAPABILITIES);
    admin = await compile([...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']);
  });

  test('the default profile allows ordinary work', { skip }, () => {
    for (const number of [0, 1, 2, 9, 42, 57, 59, 60, 101, 157, 231, 257, 262, 302, 424, 434, 437]) {
      assert.equal(decide({ number }), 'allow', `${number}`);
    }
  });

  test('the default profile refuses what only the host needs', { skip }, () => {
    // mount, umount2, swapon, reboot, init_module, kexec_load, add_key, bpf, userfaultfd, io_uring_setup, open_tree,
    // unshare: a user name space of one's own would open the kernel's doors to root of it
    for (const number of [165, 166, 167, 169, 175, 246, 248, 321, 323, 425, 428, 272]) {
      assert.equal(decide({ number }), EPERM, `${number}`);
    }
  });

  test('the default profile refuses sockets of AF_ALG and AF_VSOCK, however they are written', {
    skip,
  }, () => {
    for (let family = 0; family < 46; family += 1) {
      const expected = family === 38 || family === 40 ? EPERM : 'allow';
      assert.equal(decide({ number: SOCKET, args: [family] }), expected, `family ${family}`);
      // The kernel looks at 32 bits only.
      const disguised = BigInt(family) + (1n << 32n);
      assert.equal(decide({ number: SOCKET, args: [disguised] }), expected, `disguised family ${family}`);
    }
  });

  test('the default profile keeps sockets of 32-bit programs working', { skip }, () => {
    assert.equal(decide({ architecture: I386, number: 102, args: [1] }), 'allow');
  });

  test('the default profile lets a process clone itself, not into name spaces', { skip }, () => {
    assert.equal(decide({ number: CLONE, args: [SIGCHLD] }), 'allow');
    assert.equal(decide({ number: CLONE, args: [CLONE_NEWUSER | SIGCHLD] }), EPERM);
    assert.equal(decide({ number: 435 }), ENOSYS, 'clone3 falls back to clone');
    assert.equal(runFilter(admin, { number: CLONE, args: [CLONE_NEWUSER | SIGCHLD] }), 'allow');
    assert.equal(runFilter(admin, { number: 435 }), 'allow');
  });

  test('the default profile opens with capabilities', { skip }, () => {
    for (const number of [165, 272, 321, 438]) {
      assert.equal(decide({ number }), EPERM, `${number}`);
      assert.equal(runFilter(admin, { number }), 'allow', `${number}`);
    }
  });

  test('the default profile knows calls younger than libseccomp, and says ENOSYS to those younger than itself', {
    skip,
  }, () => {
    assert.equal(decide({ number: 452 }), 'allow', 'fchmodat2');
    assert.equal(decide({ number: 462 }), 'allow', 'mseal');
    assert.equal(decide({ number: 459 }), EPERM, 'lsm_get_self_attr needs CAP_SYS_ADMIN');
    assert.equal(decide({ number: 600 }), ENOSYS);
  });

  test('the default profile allows ptrace since Linux 4.8', () => {
    const names = (kernel: readonly [number, number]): readonly string[] =>
      resolve(DEFAULT_CAPABILITIES, kernel).syscalls.flatMap(rule => rule.names);
    assert.ok(!names([4, 7]).includes('ptrace'));
    assert.ok(names([4, 8]).includes('ptrace'));
    assert.ok(names([4, 19]).includes('ptrace'));
  });

  function decide(call: FakeSyscall): string {
    return runFilter(ordinary, call);
  }

  function resolve(capabilities: readonly string[], kernel: readonly [number, number]) {
    return resolveSeccomp(DEFAULT_SECCOMP_PROFILE, { capabilities, architecture: 'amd64', kernel });
  }

  function compile(capabilities: readonly string[]): Promise<Buffer> {
    assert.ok(compiler);
    return compiler.compile(resolve(capabilities, [6, 18]));
  }
});
