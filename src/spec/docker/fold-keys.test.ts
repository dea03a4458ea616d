import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerCreateRequest } from './container-create.ts';
import { goBody } from './fold-keys.ts';
import { ExecStartRequest } from './requests.ts';

test('goBody() takes keys in any case, at any depth, and leaves maps alone', () => {
  const body = {
    image: 'busybox',
    CMD: ['true'],
    labels: { image: 'x', IMAGE: 'y' },
    hostconfig: {
      memory: 5,
      mounts: [{ type: 'tmpfs', target: '/t', TmpfsOptions: { sizebytes: 3 } }],
      portbindings: { '80/tcp': [{ hostport: '8080' }] },
      restartPolicy: { name: 'always' },
    },
    networkingConfig: { endpointsconfig: { MyNet: { aliases: ['a'] } } },
  };
  const parsed = v.parse(goBody(ContainerCreateRequest), body);
  assert.equal(parsed.Image, 'busybox');
  assert.deepEqual(parsed.Cmd, ['true']);
  assert.deepEqual(parsed.Labels, { image: 'x', IMAGE: 'y' });
  assert.equal(parsed.HostConfig.Memory, 5);
  assert.equal(parsed.HostConfig.Mounts[0]?.TmpfsOptions?.SizeBytes, 3);
  assert.equal(parsed.HostConfig.PortBindings['80/tcp']?.[0]?.HostPort, '8080');
  assert.equal(parsed.HostConfig.RestartPolicy.Name, 'always');
  assert.deepEqual(parsed.NetworkingConfig.EndpointsConfig['MyNet']?.Aliases, ['a']);
});

test('goBody() prefers a key in its own case, wherever it stands', () => {
  const schema = goBody(ContainerCreateRequest);
  assert.equal(v.parse(schema, { Image: 'right', image: 'wrong' }).Image, 'right');
  assert.equal(v.parse(schema, { image: 'wrong', Image: 'right' }).Image, 'right');
});

test('goBody() takes no body and null for an empty object', () => {
  for (const body of [undefined, null, {}]) {
    assert.deepEqual(v.parse(goBody(ExecStartRequest), body), { Detach: false, Tty: false });
  }
});

for (const body of [1, 'x', { hostconfig: 1 }, { hostconfig: { binds: { a: 1 } } }, { labels: { a: 1 } }]) {
  test(`goBody() still refuses ${JSON.stringify(body)}`, () => {
    assert.throws(() => v.parse(goBody(ContainerCreateRequest), body), v.ValiError);
  });
}

for (const body of [[1], { hostconfig: [] }, { Labels: [] }]) {
  test(`goBody() refuses a list in the place of an object: ${JSON.stringify(body)}`, () => {
    assert.throws(() => v.parse(goBody(ContainerCreateRequest), body), { kind: 'invalid' });
  });
}
