import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OciProcess, OciSpec } from '#spec/oci/runtime-spec';
import { checkProcessPaths, checkSpecPaths } from './path-limits.ts';

const LONG = `/${'x'.repeat(4095)}`;
const PROCESS: OciProcess = {
  terminal: false,
  user: { uid: 0, gid: 0, additionalGids: [] },
  args: ['true', 'x'.repeat(100_000)],
  env: [`A=${LONG}`],
  cwd: '/',
  capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
  rlimits: [],
  noNewPrivileges: false,
};
const MOUNT = { destination: '/data', type: 'bind', source: '/source', options: [] };
const DEVICE = { path: '/dev/x', type: 'c', major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 };
const LINUX: OciSpec['linux'] = {
  namespaces: [],
  devices: [DEVICE],
  cgroupsPath: '/quai/x',
  resources: {},
  sysctl: { 'net.x': '1' },
  maskedPaths: ['/proc/kcore'],
  readonlyPaths: ['/proc/sys'],
};
const SPEC: OciSpec = {
  ociVersion: '1.0.2',
  process: PROCESS,
  root: { path: '/rootfs', readonly: false },
  mounts: [MOUNT],
  annotations: { long: LONG },
  linux: LINUX,
};

test('checkSpecPaths() takes paths as long as the kernel does, and arguments of any length', () => {
  checkSpecPaths(SPEC);
  checkSpecPaths({ ...SPEC, process: { ...PROCESS, cwd: LONG.slice(0, 4095) } });
});

const tooLong: Readonly<Record<string, OciSpec>> = {
  command: { ...SPEC, process: { ...PROCESS, args: [LONG] } },
  'working directory': { ...SPEC, process: { ...PROCESS, cwd: LONG } },
  'AppArmor profile': { ...SPEC, process: { ...PROCESS, apparmorProfile: LONG } },
  'place of a mount': { ...SPEC, mounts: [{ ...MOUNT, destination: LONG }] },
  'source of a mount': { ...SPEC, mounts: [{ ...MOUNT, source: LONG }] },
  device: { ...SPEC, linux: { ...LINUX, devices: [{ ...DEVICE, path: LONG }] } },
  'masked or read-only path': { ...SPEC, linux: { ...LINUX, maskedPaths: [LONG] } },
  'kernel setting': { ...SPEC, linux: { ...LINUX, sysctl: { 'net.x': LONG } } },
};

for (const [what, spec] of Object.entries(tooLong)) {
  test(`checkSpecPaths() refuses a ${what} that is too long, and says which`, () => {
    assert.throws(() => checkSpecPaths(spec), {
      kind: 'invalid',
      message: new RegExp(`^${what} ".*file name too long$`),
    });
  });
}

test('checkProcessPaths() does so for an exec', () => {
  assert.throws(() => checkProcessPaths({ ...PROCESS, args: [LONG] }), { kind: 'invalid' });
});
