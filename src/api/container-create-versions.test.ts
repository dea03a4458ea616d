import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerCreateRequest } from '#spec/docker/container-create';
import { adaptCreate } from './container-create-versions.ts';

function adapt(body: unknown, version: number) {
  return adaptCreate(v.parse(ContainerCreateRequest, body), version);
}

test('adaptCreate() forgets what the version did not know', () => {
  const body = {
    Image: 'x',
    Healthcheck: { Test: ['CMD', 'x'], StartInterval: 5 },
    HostConfig: { ConsoleSize: [24, 80], Annotations: { a: 'b' } },
    NetworkingConfig: { EndpointsConfig: { a: { GwPriority: 3 } } },
  };
  const { request: old } = adapt(body, 39);
  assert.equal(old.Healthcheck?.StartInterval, 0);
  assert.equal(old.HostConfig.ConsoleSize, undefined);
  assert.deepEqual(old.HostConfig.Annotations, {});
  assert.equal(old.HostConfig.IpcMode, 'shareable');
  assert.equal(old.NetworkingConfig.EndpointsConfig['a']?.GwPriority, 0);

  const { request: latest } = adapt(body, 55);
  assert.equal(latest.Healthcheck?.StartInterval, 5);
  assert.deepEqual(latest.HostConfig.ConsoleSize, [24, 80]);
  assert.equal(latest.HostConfig.IpcMode, '');
  assert.equal(latest.NetworkingConfig.EndpointsConfig['a']?.GwPriority, 3);
});

test('adaptCreate() keeps read-only binds shallow before 1.44', () => {
  const body = { HostConfig: { Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true }] } };
  assert.equal(adapt(body, 43).request.HostConfig.Mounts[0]?.BindOptions?.ReadOnlyNonRecursive, true);
  assert.equal(adapt(body, 44).request.HostConfig.Mounts[0]?.BindOptions, undefined);
});

test('adaptCreate() makes no limit of a number of processes that is not positive', () => {
  for (const PidsLimit of [0, -1]) {
    assert.equal(adapt({ HostConfig: { PidsLimit } }, 50).request.HostConfig.PidsLimit, undefined);
  }
  assert.equal(adapt({ HostConfig: { PidsLimit: 7 } }, 50).request.HostConfig.PidsLimit, 7);
});

const MAC = '02:42:ac:11:00:09';

test('adaptCreate() moves the container-wide MAC address to the main network, with a warning since 1.44', () => {
  const body = { MacAddress: MAC, HostConfig: { NetworkMode: 'mine' } };
  for (const version of [40, 44, 51]) {
    const { request, warnings } = adapt(body, version);
    assert.equal(request.NetworkingConfig.EndpointsConfig['mine']?.MacAddress, MAC, `1.${version}`);
    assert.equal(warnings.length, version < 44 ? 0 : 1);
  }
  const { request } = adapt(body, 52);
  assert.equal(request.MacAddress, '');
  assert.deepEqual(request.NetworkingConfig.EndpointsConfig, {});
});

const REFUSED: readonly [version: number, body: unknown, message: string][] = [
  [
    43,
    { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } },
    'Container cannot be created with multiple network endpoints: a, b',
  ],
  [
    43,
    { MacAddress: MAC, HostConfig: { NetworkMode: 'host' } },
    'conflicting options: mac-address and the network mode',
  ],
  [
    44,
    {
      MacAddress: MAC,
      HostConfig: { NetworkMode: 'a' },
      NetworkingConfig: { EndpointsConfig: { a: { MacAddress: '02:42:ac:11:00:08' } } },
    },
    'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
  ],
  [
    50,
    { HostConfig: { Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', VolumeOptions: {} }] } },
    'VolumeOptions must not be specified on mount type "bind"',
  ],
  [
    44,
    { HostConfig: { Mounts: [{ Type: 'volume', Target: '/b', VolumeOptions: { Subpath: 'x' } }] } },
    'VolumeOptions.Subpath needs API v1.45 or newer',
  ],
];

for (const [version, body, message] of REFUSED) {
  test(`adaptCreate() refuses in 1.${version}: ${message}`, () => {
    assert.throws(() => adapt(body, version), { kind: 'invalid', message });
  });
}
