import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();

/** `readlink` of each, so that the shell's own descriptors show what they are */
const LIST = 'for fd in /proc/self/fd/*; do echo "$(basename $fd) $(readlink $fd)"; done';
const TARGETS = /^(0|1|2) (\/dev\/null|\/dev\/pts\/\d+|pipe:\[\d+\])$/;

/** Those a process has beyond its standard streams. */
function extraDescriptors(output: string): string[] {
  const lines = output
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
  assert.ok(lines.length >= 3, `the list is there: ${output}`);
  // readlink opens the directory of its own process while it lists: that one has no target any more.
  return lines.filter(line => !TARGETS.test(line) && !/^\d+$/.test(line));
}

for (const Runtime of ['crun', 'runc']) {
  for (const Tty of [false, true]) {
    const how = `${Runtime}, ${Tty ? 'with' : 'without'} a terminal`;

    test(`no descriptor of the engine reaches a container or an exec (${how})`, { skip }, async () => {
      const HostConfig = { Runtime, NetworkMode: 'none' };
      const output = await engine.script(LIST, { Tty, OpenStdin: true, HostConfig });
      assert.deepEqual(extraDescriptors(output), []);

      await engine.start('held', { HostConfig });
      const result = await engine.exec('held', { Cmd: ['sh', '-c', LIST], Tty, AttachStdin: true });
      assert.equal(result.code, 0);
      assert.deepEqual(extraDescriptors(result.output), []);
      await engine.remove('held');
    });
  }
}

test('no descriptor of the engine reaches a health check', { skip }, async () => {
  await engine.start('checked', {
    Healthcheck: { Test: ['CMD-SHELL', LIST], Interval: 50_000_000, Timeout: 5_000_000_000 },
  });
  let output = '';
  await until('a health check', async () => {
    const { body } = await engine.daemon.call('GET', '/containers/checked/json');
    output = (body as { State: { Health: { Log: { Output: string }[] } } }).State.Health.Log[0]?.Output ?? '';
    return output !== '';
  });
  assert.deepEqual(extraDescriptors(output), []);
  await engine.remove('checked');
});

test('no abstract socket, which name spaces of the file system do not hide, belongs to the engine', {
  skip,
}, async () => {
  const id = await engine.start('networked', { HostConfig: { NetworkMode: 'host' } });
  const { output } = await engine.exec('networked', { Cmd: ['cat', '/proc/net/unix'] });
  const paths = output.split('\n').map(line => line.trim().split(/\s+/)[7] ?? '');
  assert.ok(
    paths.some(path => path === engine.daemon.socketPath),
    'the list shows sockets of the host',
  );
  const abstract = paths.filter(path => path.startsWith('@'));
  const ours = [id, id.slice(0, 12), 'quai', 'conmon', 'crun', engine.daemon.folder];
  assert.deepEqual(
    abstract.filter(path => ours.some(word => path.includes(word))),
    [],
  );
  await engine.remove('networked');
});
