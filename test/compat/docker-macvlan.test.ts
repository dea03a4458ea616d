import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

/** A network of the host's own: a wire with an end to put containers on. */
function wire(): Disposable & { readonly near: string } {
  const near = `mv${process.pid % 100_000}a`;
  const far = near.replace(/a$/, 'b');
  const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far);
  for (const end of [near, far]) ip('link', 'set', end, 'up');
  return { near, [Symbol.dispose]: () => void ip('link', 'del', near) };
}

test('docker network create -d macvlan: each container has its own hardware address on the parent (S195)', {
  skip,
}, async () => {
  using lan = wire();
  await engine.ok(
    ...`network create -d macvlan --subnet 10.97.0.0/24 --gateway 10.97.0.1 -o parent=${lan.near} lan`.split(
      ' ',
    ),
  );
  assert.match(await engine.ok('network', 'ls', '-f', 'driver=macvlan'), / lan +macvlan +local/);
  await engine.started(
    'one',
    '--network',
    'lan',
    '--mac-address',
    '02:42:0a:61:00:99',
    'busybox',
    'sleep',
    '100',
  );
  await engine.started('two', '--network', 'lan', '--ip', '10.97.0.77', 'busybox', 'httpd', '-f', '-p', '80');
  assert.match(await engine.ok('exec', 'one', 'ip', 'link', 'show', 'eth0'), /02:42:0a:61:00:99/);
  assert.match(await engine.ok('exec', 'one', 'ip', 'route'), /default via 10\.97\.0\.1 dev eth0/);
  assert.match(await engine.ok('exec', 'two', 'ip', 'addr', 'show', 'eth0'), /inet 10\.97\.0\.77\/24/);
  const { stderr } = await engine.docker(['exec', 'one', 'wget', '-qO-', 'http://10.97.0.77/']);
  assert.match(stderr, /404/, 'its server answers');
  await engine.ok('network', 'disconnect', 'lan', 'one');
  await engine.ok('network', 'connect', 'lan', 'one');
  await engine.ok('rm', '-f', 'one', 'two');
  await engine.ok('network', 'rm', 'lan');
  for (const [words, message] of [
    [['-d', 'macvlan', '-o', 'parent=nowhere0'], /no interface nowhere0/],
    [['-d', 'overlay'], /not implemented/],
    [['-d', 'weave'], /could not find plugin weave/],
  ] as const) {
    assert.match((await engine.refused('network', 'create', ...words, 'x')).stderr, message);
  }
});
