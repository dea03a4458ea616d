import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();

/** Descriptors a runtime could have open on the host's tree while it sets a process up (CVE-2024-21626). */
const DESCRIPTORS = Array.from({ length: 20 }, (_, fd) => fd);
const WHERE = 'pwd -P; ls -A . | tr "\\n" " "; ls -di /';

/** Fails if the process came to stand outside of its own root, by what it sees around it. */
function assertInside(output: string, how: string): void {
  assert.doesNotMatch(output, /unreachable|canary|containers|cgroup\.procs|boot|lost\+found/, how);
}

test('a working directory that leads through a process is refused, by any spelling', { skip }, async () => {
  const paths = [
    ...DESCRIPTORS.map(fd => `/proc/self/fd/${fd}`),
    '/proc//self/./fd/8',
    '/x/../proc/self/fd/7',
    '/proc/thread-self/fd/7',
    '/proc/self/cwd',
    '/proc/1/root',
    '/proc/1/task/1/fd/7',
    '/dev/fd/7',
    '/dev/stdin',
  ];
  await engine.start('stays');
  for (const path of paths) {
    const { created } = await engine.run({ Cmd: ['sh', '-c', WHERE], WorkingDir: path });
    assert.equal(created.status, 400, path);
    const { code, output } = await engine.exec('stays', { Cmd: ['sh', '-c', WHERE], WorkingDir: path });
    assert.notEqual(code, 0, `${path}: ${output}`);
  }
  await engine.remove('stays');
});

for (const Runtime of ['crun', 'runc']) {
  test(`a working directory that is a link to a descriptor of the runtime leads nowhere (${Runtime})`, {
    skip,
  }, async () => {
    // In a volume, which the engine cannot look into as the container will: there the runtime follows the link.
    const HostConfig = { Runtime, NetworkMode: 'none', Binds: ['doors:/doors'] };
    const links = DESCRIPTORS.map(
      fd => `ln -sfn /proc/self/fd/${fd} /doors/d${fd}; ln -sfn /proc/1/fd/${fd} /doors/p${fd}`,
    );
    await engine.start('stays', { HostConfig });
    await engine.exec('stays', { Cmd: ['sh', '-c', links.join('; ')] });
    for (const fd of DESCRIPTORS) {
      const exec = await engine.exec('stays', { Cmd: ['sh', '-c', WHERE], WorkingDir: `/doors/d${fd}` });
      assert.notEqual(exec.code, 0, `exec ${fd}: ${exec.output}`);
      assertInside(exec.output, `exec ${fd}`);
    }
    for (const fd of DESCRIPTORS.slice(3, 14)) {
      const run = await engine.run({ Cmd: ['sh', '-c', WHERE], WorkingDir: `/doors/d${fd}`, HostConfig });
      assert.notEqual(run.code, 0, `run ${fd}: ${run.output}`);
      assertInside(run.output, `run ${fd}`);
    }
    await engine.remove('stays');
    await engine.daemon.call('DELETE', '/volumes/doors');
    await engine.assertUnharmed();
  });
}

test('a working directory of an image that is a link to a descriptor is refused', { skip }, async () => {
  for (const fd of [3, 7, 8, 20]) {
    const tag = `workdir:fd${fd}`;
    const link = { path: 'door', type: 'symlink', linkPath: `/proc/self/fd/${fd}` } as const;
    await engine.image(tag, [link], { WorkingDir: fd % 2 === 0 ? '/door' : `/proc/self/fd/${fd}` });
    const { created, started, output } = await engine.run({ Image: tag, Cmd: ['sh', '-c', WHERE] });
    assert.equal((started ?? created).status, 400, output);
  }
});
