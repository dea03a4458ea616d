import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { changedResources, liftedLimits } from '#runtime/oci-spec/changed-resources';
import { fakeHostFacts } from '#runtime/oci-spec/fake-host-facts';
import { HostConfig } from '#spec/docker/host-config';
import { ContainerUpdateRequest } from '#spec/docker/requests';
import { changedConfig } from './resource-change.ts';

const MIB = 2 ** 20;

function change(before: object, request: object) {
  const current = v.parse(HostConfig, before);
  const { hostConfig } = changedConfig(current, v.parse(ContainerUpdateRequest, request), fakeHostFacts());
  return { hostConfig, resources: changedResources(current, hostConfig) };
}

test('what a request does not say stays, and only what changes is given to the runtime', () => {
  const before = {
    Memory: 64 * MIB,
    MemorySwap: 128 * MIB,
    CpuShares: 100,
    RestartPolicy: { Name: 'always' },
  };
  const { hostConfig, resources } = change(before, {
    CpuShares: 512,
    PidsLimit: null,
    RestartPolicy: { Name: '' },
  });
  const expected = v.parse(HostConfig, { ...before, CpuShares: 512 });
  assert.deepEqual(JSON.parse(JSON.stringify(hostConfig)), JSON.parse(JSON.stringify(expected)));
  assert.deepEqual(resources, { cpu: { shares: 512 } });
  assert.deepEqual(change(before, {}).resources, {});
});

test('memory goes with its swap, processors become a quota', () => {
  assert.deepEqual(change({}, { Memory: 64 * MIB }).resources, {
    memory: { limit: 64 * MIB, swap: 128 * MIB },
  });
  assert.deepEqual(change({ Memory: 64 * MIB, MemorySwap: 128 * MIB }, { MemorySwap: -1 }).resources, {
    memory: { limit: 64 * MIB, swap: -1 },
  });
  assert.deepEqual(change({}, { NanoCpus: 5e8, CpusetCpus: '0' }).resources, {
    cpu: { quota: 50_000, period: 100_000, cpus: '0' },
  });
});

test('what goes away is not for the runtime to write', () => {
  const config = (given: object): HostConfig => v.parse(HostConfig, given);
  const before = config({ CpuQuota: 50_000, PidsLimit: 10 });
  const after = config({ CpuQuota: -1, PidsLimit: 0 });
  assert.deepEqual(changedResources(before, after), {});
  assert.deepEqual(liftedLimits(before, after), { isPidsUnlimited: true, isCpuUnlimited: true });
  assert.deepEqual(liftedLimits(after, before), { isPidsUnlimited: false, isCpuUnlimited: false });
  assert.deepEqual(liftedLimits(after, after), { isPidsUnlimited: false, isCpuUnlimited: false });
});

test('no limit of processes is said by 0 and by anything below', () => {
  for (const PidsLimit of [0, -1, -5]) {
    const { hostConfig, resources } = change({ PidsLimit: 10 }, { PidsLimit });
    assert.deepEqual([hostConfig.PidsLimit, resources], [0, {}]);
  }
  assert.deepEqual(change({}, { PidsLimit: 7 }).resources, { pids: { limit: 7 } });
});

for (const [what, before, request, kind] of [
  [
    'less memory than the swap that is set',
    { Memory: 64 * MIB, MemorySwap: 64 * MIB },
    { Memory: 65 * MIB },
    'conflict',
  ],
  ['swap without memory', {}, { MemorySwap: 64 * MIB }, 'invalid'],
  ['processors beside a quota', { CpuQuota: 1000 }, { NanoCpus: 1e9 }, 'conflict'],
  ['processors beside a period', { CpuPeriod: 1000 }, { NanoCpus: 1e9 }, 'conflict'],
  ['a quota beside processors', { NanoCpus: 1e9 }, { CpuQuota: 1000 }, 'conflict'],
  [
    'a policy for what goes by itself',
    { AutoRemove: true },
    { RestartPolicy: { Name: 'always' } },
    'conflict',
  ],
  ['a policy that there is not', {}, { RestartPolicy: { Name: 'sometimes' } }, 'invalid'],
  ['real-time scheduling', {}, { CpuRealtimeRuntime: 1 }, 'invalid'],
] as const) {
  test(`changedConfig() refuses ${what}`, () => {
    assert.throws(() => change(before, request), { kind });
  });
}
