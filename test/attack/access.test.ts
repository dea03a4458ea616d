import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../support/programs.ts';
import { attackEngine, isOnHost, skip } from './attack-engine.ts';

const engine = attackEngine();

const NOBODY = 65534;
const canBeNobody: string | false =
  skip || (existsSync('/usr/bin/setpriv') ? false : 'needs setpriv (package util-linux)');

/** Runs a shell script on the host as a user without any rights. */
async function asNobody(script: string): Promise<string> {
  const id = String(NOBODY);
  const words = [
    '--reuid',
    id,
    '--regid',
    id,
    '--clear-groups',
    '--',
    'sh',
    '-c',
    `${script} 2>/dev/null; true`,
  ];
  return (await runProgram('setpriv', words)).stdout;
}

test('other users read nothing of what the engine keeps, and cannot use its sockets', {
  skip: canBeNobody,
}, async () => {
  const { daemon } = engine;
  const id = await engine.start('secretive', {
    Env: ['PASSWORD=hunter2'],
    Cmd: ['sh', '-c', 'cp /bin/busybox /data/suid; chmod 4755 /data/suid; echo printed hunter2; sleep 1000'],
    HostConfig: { NetworkMode: 'bridge', Binds: ['guessable:/data'] },
    Tty: true,
  });
  // As on a real host, where everybody may pass to the folders of the engine.
  for (const path of [daemon.folder, daemon.root]) chmodSync(path, 0o755);
  const everything = await asNobody(`find ${daemon.root} ${daemon.runDir} -type f -readable`);
  assert.deepEqual(
    everything.split('\n').filter(path => path !== '' && !path.endsWith('/engine-id')),
    [],
  );
  const { GraphDriver, LogPath, HostsPath, Mounts } = (await daemon.call('GET', '/containers/secretive/json'))
    .body as {
    GraphDriver: { Data: { MergedDir: string; UpperDir: string } };
    LogPath: string;
    HostsPath: string;
    Mounts: { Source: string }[];
  };
  const known = [
    ...Object.values(GraphDriver.Data).flatMap(paths =>
      paths.split(':').filter(path => path.startsWith('/')),
    ),
    LogPath,
    HostsPath,
    `${Mounts[0]?.Source}/suid`,
    join(daemon.root, 'quai.db'),
    join(daemon.runDir, 'records', id),
    join(daemon.runDir, 'c', id, 'config.json'),
    join(daemon.runDir, 'c', id, 'attach'),
  ];
  for (const path of known) {
    assert.ok(existsSync(path), `${path} is there for root`);
    assert.equal(
      await asNobody(`head -c 1 ${path}; [ -x ${path} ] && echo passes; [ -w ${path} ] && echo writes`),
      '',
      path,
    );
  }
  assert.equal(
    await asNobody(`${Mounts[0]?.Source}/suid id -u`),
    '',
    'a set-user-ID program of a container runs',
  );
  const curl = (path: string): string => `curl -s --unix-socket ${path} http://x/_ping`;
  assert.equal(await asNobody(curl(daemon.socketPath)), '');
  assert.equal((statSync(daemon.socketPath).mode & 0o777).toString(8), '660');
  await engine.remove('secretive');
  await daemon.call('DELETE', '/volumes/guessable');
});

test('a container cannot reach the socket of the engine, its folders, or another container', {
  skip,
}, async () => {
  const { daemon } = engine;
  await engine.start('neighbour', {
    Hostname: 'neighbour',
    Cmd: ['sh', '-c', 'echo mine > /mine; sleep 1000'],
  });
  const paths = [
    daemon.socketPath,
    daemon.root,
    daemon.runDir,
    engine.folder,
    '/run/quai.sock',
    '/var/lib/quai',
  ];
  const script = [
    ...paths.map(path => `ls -d ${path} 2>/dev/null`),
    'ps | grep -c "[s]leep 1000"',
    'ls /proc | grep -c "^[0-9]"',
    'cat /mine 2>/dev/null',
    'hostname',
    'ls /sys/class/net',
    'kill -0 -1 2>/dev/null; ipcs -m 2>/dev/null | grep -c 0x',
  ].join('; ');
  const lines = (await engine.script(script, { Hostname: 'alone' })).trim().split('\n');
  const [sleepers, processes, ...rest] = lines;
  assert.equal(sleepers, '0');
  assert.ok(Number(processes) < 8, `it sees ${processes} processes`);
  assert.deepEqual(rest, ['alone', 'lo', '0']);
  await engine.remove('neighbour');
});

test('a container has name spaces of its own, and shares those it asks for', { skip }, async () => {
  const kinds = ['pid', 'mnt', 'net', 'ipc', 'uts'];
  const script = `for kind in ${kinds.join(' ')}; do readlink /proc/self/ns/$kind; done`;
  const hosts = kinds.map(kind => readlinkSync(`/proc/self/ns/${kind}`));
  const shared = async (HostConfig: object): Promise<string[]> => {
    const own = (await engine.script(script, { HostConfig })).trim().split('\n');
    assert.equal(own.length, kinds.length);
    return kinds.filter((_kind, index) => own[index] === hosts[index]);
  };
  assert.deepEqual(await shared({}), []);
  assert.deepEqual(await shared({ Privileged: true }), []);
  const all = { NetworkMode: 'host', PidMode: 'host', IpcMode: 'host', UTSMode: 'host' };
  assert.deepEqual(await shared(all), ['pid', 'net', 'ipc', 'uts']);
});

test('annotations of a request neither steer the runtime nor take the filter away', { skip }, async () => {
  const marker = join(engine.folder, 'hooked');
  const steering = {
    'run.oci.hooks.stdout': marker,
    'run.oci.hooks.stderr': marker,
    'run.oci.handler': 'krun',
    'run.oci.seccomp_bpf_data': 'BgAAAAAA/38=', // a filter of one instruction: allow
    'run.oci.seccomp.receiver': marker,
    'run.oci.seccomp.plugins': marker,
    'run.oci.keep_original_groups': '1',
    'run.oci.systemd.force_cgroup_v1': marker,
    'run.oci.delegate-cgroup': 'x',
    'module.wasm.image/variant': 'compat',
    'org.criu.config': marker,
    'org.systemd.property.ExecStartPre': "['/bin/touch']",
    'Run.Oci.Handler': 'krun',
  };
  for (const [key, value] of Object.entries(steering)) {
    for (const Runtime of ['crun', 'runc']) {
      const { created } = await engine.run({
        Cmd: ['true'],
        HostConfig: { Runtime, Annotations: { [key]: value } },
      });
      assert.equal(created.status, 400, key);
      assert.match(JSON.stringify(created.body), /annotation/);
    }
  }
  const output = await engine.script('grep -w Seccomp: /proc/self/status', {
    HostConfig: { NetworkMode: 'none', Annotations: { 'org.example.plain': 'x' } },
  });
  assert.match(output, /\t2\n$/);
  assert.ok(!isOnHost(marker));
});

test('a folder that others can write to is not kept so', { skip }, async () => {
  const { daemon } = engine;
  await daemon.stop();
  mkdirSync(daemon.runDir, { recursive: true });
  chmodSync(daemon.root, 0o777);
  await daemon.start();
  assert.equal((statSync(daemon.root).mode & 0o022).toString(8), '0');
});
