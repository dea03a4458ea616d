import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseHost, targetOf } from './endpoint.ts';

test('chooseHost() prefers --host, then QUAI_HOST, then DOCKER_HOST, then our socket', () => {
  const env = { QUAI_HOST: 'unix:///q', DOCKER_HOST: 'unix:///d' };
  assert.deepEqual(chooseHost(['tcp://h:1'], env), { url: 'tcp://h:1', source: '--host' });
  assert.deepEqual(chooseHost([], env), { url: 'unix:///q', source: 'QUAI_HOST' });
  assert.deepEqual(chooseHost([], { DOCKER_HOST: 'unix:///d' }), { url: 'unix:///d', source: 'DOCKER_HOST' });
  assert.deepEqual(chooseHost([], { QUAI_HOST: '' }), { url: 'unix:///run/quai.sock', source: 'default' });
  assert.throws(() => chooseHost(['a', 'b'], {}), { message: 'specify only one -H' });
});

for (const [url, target] of [
  ['unix:///run/x.sock', { socketPath: '/run/x.sock' }],
  ['/run/x.sock', { socketPath: '/run/x.sock' }],
  ['tcp://host:2000', { host: 'host', port: 2000 }],
  ['tcp://host', { host: 'host', port: 2375 }],
  ['host:2000', { host: 'host', port: 2000 }],
  ['tcp://[::1]:2000', { host: '::1', port: 2000 }],
] as const) {
  test(`targetOf() understands ${url}`, () => assert.deepEqual(targetOf(chooseHost([url], {})), target));
}

test('targetOf() says what to do instead of ssh://', () => {
  assert.throws(() => targetOf(chooseHost(['ssh://me@host'], {})), {
    message: /^not implemented: --host "ssh:\/\/me@host"; forward the socket instead: ssh /,
  });
});
