import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

test('quai port changes what a container publishes, now and for its next start', { skip }, async () => {
  await engine.started('web', '-p', '127.0.0.1::80', 'busybox', 'httpd', '-f', '-p', '80');
  const quai = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.daemon.quai(['port', 'web', ...words]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const first = await engine.ok('port', 'web', '80');
  const both = await quai('-p', '127.0.0.1:0:80', '-p', '127.0.0.1::81/udp');
  assert.match(
    both,
    /^80\/tcp -> 127\.0\.0\.1:\d+\n80\/tcp -> 127\.0\.0\.1:\d+\n81\/udp -> 127\.0\.0\.1:\d+$/,
  );
  assert.ok(both.includes(`80/tcp -> ${first}\n`), 'what was there stays');
  for (const [, address = ''] of both.matchAll(/80\/tcp -> (\S+)/g)) {
    assert.equal((await fetch(`http://${address}/`)).status, 404, address);
  }
  assert.equal(await quai('--unpublish', '81/udp'), await engine.ok('port', 'web'));
  await engine.ok('restart', '-t', '0', 'web');
  assert.equal((await engine.ok('port', 'web')).split('\n').length, 2);
  await engine.ok('stop', '-t', '0', 'web');
  await engine.daemon.quai(['port', 'web', '--unpublish', '80']);
  await engine.ok('start', 'web');
  assert.equal(await engine.ok('port', 'web'), '');
});

test('POST /quai/containers/{id}/ports refuses in words', { skip }, async () => {
  await engine.started('one', '-p', '127.0.0.1::80', 'busybox', 'sleep', '100');
  await engine.started('two', 'busybox', 'sleep', '100');
  await engine.started('hosted', '--network', 'host', 'busybox', 'sleep', '100');
  const taken = (await engine.ok('port', 'one', '80')).split(':')[1] ?? '';
  const change = (name: string, body: unknown) =>
    engine.daemon.call('POST', `/quai/containers/${name}/ports`, body);
  const add = { Add: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: taken }] } };
  const refused = await change('two', add);
  assert.equal(refused.status, 409);
  assert.match(JSON.stringify(refused.body), /already allocated by container one/);
  assert.equal(await engine.ok('port', 'two'), '');
  assert.equal((await change('hosted', add)).status, 409);
  assert.equal((await change('two', { Remove: { '80/tcp': [] } })).status, 404);
  assert.equal((await change('two', { Add: { 'x/tcp': [{}] } })).status, 400);
  assert.equal((await change('nobody', {})).status, 404);
});
