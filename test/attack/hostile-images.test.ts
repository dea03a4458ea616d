import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type LayerEntry, tarOf } from '../support/image-archive.ts';
import { until } from '../support/until.ts';
import { attackEngine, HANG_MS, skip } from './attack-engine.ts';

// What the engine itself has must reach no container.
const engine = attackEngine({ env: { AWS_SECRET: 'engine', QUAI_CANARY: 'engine' } });

function link(path: string, linkPath: string): LayerEntry {
  return { path, type: 'symlink', mode: 0o777, linkPath };
}

/** The way out of any root file system, and on to a host folder that the engine could write to. */
function out(path: string): string {
  return `../../../../../../../../../../..${path}`;
}

test('files the engine binds over stay inside when the image has links out in their place', {
  skip,
}, async () => {
  const target = out(join(engine.folder, 'canary'));
  await engine.image(
    'links:files',
    ['etc/hosts', 'etc/hostname', 'etc/resolv.conf'].map(path => link(path, target)),
  );
  const { started, code, output } = await engine.run({ Image: 'links:files', Cmd: ['cat', '/etc/hostname'] });
  // Either it refuses to start, or what it bound is inside.
  if (started?.status === 204) assert.deepEqual([code, output.includes('nobody but the host')], [0, false]);
  await engine.assertUnharmed();
});

test('a folder of the engine stays inside when the image has links out in its place', { skip }, async () => {
  for (const path of ['proc', 'sys', 'dev', 'etc']) {
    const tag = `links:${path}`;
    // An entry of another kind replaces the directory of the layer below.
    await engine.image(tag, [{ path: `.wh.${path}` }, link(path, out(engine.folder))]);
    const script = 'echo in > /etc/in 2>/dev/null; echo in > /dev/in 2>/dev/null; ls /sys /proc /dev';
    await engine.run({ Image: tag, Cmd: ['sh', '-c', script] });
    for (const name of ['in', 'hosts', 'null', 'pts', 'self', 'mqueue', 'shm', 'fs', 'resolv.conf']) {
      assert.ok(!existsSync(join(engine.folder, name)), `${path} let ${name} out`);
    }
  }
  await engine.assertUnharmed();
});

test('device nodes and their folders stay inside when the image has links out in their place', {
  skip,
}, async () => {
  const settings = ['core_pattern', 'hostname', 'domainname'].map(name => `/proc/sys/kernel/${name}`);
  const before = settings.map(path => readFileSync(path, 'utf8'));
  const places = ['dev/null', 'dev/console', 'dev/pts', 'dev/shm', 'dev/mqueue', 'dev/ptmx', 'dev/fd'];
  const targets = [engine.folder, ...settings];
  for (const [index, target] of targets.entries()) {
    const tag = `devices:${index}`;
    await engine.image(
      tag,
      places.map(path => link(path, out(target))),
    );
    for (const Tty of [false, true]) await engine.run({ Image: tag, Cmd: ['true'], Tty });
  }
  assert.deepEqual(
    settings.map(path => readFileSync(path, 'utf8')),
    before,
  );
  await engine.assertUnharmed();
});

test('account files that are fifos, devices, folders or links neither hang the engine nor lead out', {
  skip,
}, async () => {
  const variants: readonly (readonly [string, (path: string) => LayerEntry])[] = [
    ['fifo', path => ({ path, type: 'fifo', mode: 0o666 })],
    ['folder', path => ({ path, type: 'directory', mode: 0o755 })],
    // /dev/full, /dev/zero: reading would never end
    ['zero', path => ({ path, type: 'character', mode: 0o666, deviceMajor: 1, deviceMinor: 5 })],
    ['host', path => link(path, out(path))],
    ['absolute', path => link(path, join(engine.folder, 'canary'))],
    ['itself', path => link(path, path.split('/').at(-1) ?? '')],
    ['process', path => link(path, '/proc/self/fd/3')],
  ];
  for (const [name, make] of variants) {
    const tag = `accounts:${name}`;
    const files = ['etc/passwd', 'etc/group'];
    await engine.image(tag, [
      ...files.map(path => ({ path: path.replace('etc/', 'etc/.wh.') })),
      ...files.map(make),
    ]);
    const numeric = await engine.run({ Image: tag, Cmd: ['grep', 'Uid', '/proc/self/status'], User: '7:7' });
    assert.deepEqual([name, numeric.output], [name, 'Uid:\t7\t7\t7\t7\n']);
    const named = await engine.run({ Image: tag, Cmd: ['id', '-u'], User: 'daemon' });
    assert.equal(named.started?.status, 400, `${name}: ${JSON.stringify(named.started)}`);
    await engine.assertUnharmed();
  }
});

test('looking a user up opens neither a fifo nor a device of the container', { skip }, async () => {
  // Seen by its effect on a fifo: a writer goes on as soon as someone opens it. /dev/watchdog would reboot the host.
  const script =
    'rm /etc/passwd; mkfifo /etc/passwd; echo ready; echo x > /etc/passwd; echo opened; sleep 100';
  await engine.start('fifo', { Cmd: ['sh', '-c', script] });
  const lines = async (): Promise<string> => {
    const { body } = await engine.daemon.call('GET', '/containers/fifo/logs?stdout=1');
    return String(body)
      .replaceAll(/[^a-z]+/g, ' ')
      .trim();
  };
  await until('the fifo', async () => (await lines()) === 'ready');
  for (const User of ['0', 'daemon', '5']) await engine.exec('fifo', { Cmd: ['true'], User });
  assert.equal(await lines(), 'ready');
  await engine.remove('fifo');
});

test('account files without end are refused, and do not fill memory', { skip }, async () => {
  const line = 'filler:x:4000:4000::/:/bin/sh\n';
  const large = line.repeat(Math.ceil((2 * 1024 * 1024) / line.length));
  await engine.image('accounts:large', [
    { path: 'etc/passwd', content: large },
    { path: 'etc/group', content: large },
  ]);
  for (const User of ['daemon', '7:staff']) {
    const { started } = await engine.run({ Image: 'accounts:large', Cmd: ['true'], User });
    assert.equal(started?.status, 400);
    assert.match(JSON.stringify(started?.body), /larger than/);
  }
});

test('user numbers out of range are refused, and numbers are never looked up as names', {
  skip,
}, async () => {
  await engine.image('accounts:numbers', [
    {
      path: 'etc/passwd',
      content: '1000:x:0:0:root:/root:/bin/sh\nwrap:x:4294967296:0::/:/bin/sh\nneg:x:-1:0::/:\n',
    },
  ]);
  const uid = async (User: string): Promise<string | number | undefined> => {
    const { started, output } = await engine.run({ Image: 'accounts:numbers', Cmd: ['id', '-u'], User });
    return started?.status === 204 ? output.trim() : started?.status;
  };
  assert.equal(await uid('1000'), '1000');
  for (const User of [
    '4294967296',
    '2147483648',
    '-1',
    '+4294967296',
    '99999999999999999999',
    '1:4294967296',
  ]) {
    assert.equal(await uid(User), 400, User);
  }
  for (const User of ['wrap', 'neg', '0x0', '1e0', ' 0', 'root']) assert.equal(await uid(User), 400, User);
});

test('a variable without a value pulls nothing of the host in', { skip }, async () => {
  const Env = ['HOME', 'AWS_SECRET', 'QUAI_CANARY', 'PATH', '=x', ''];
  await engine.image('env:bare', [], { Env });
  const { output } = await engine.run({ Image: 'env:bare', Cmd: ['/bin/env'] });
  const names = output.split('\n').flatMap(line => (line === '' ? [] : [line.split('=', 1)[0] ?? '']));
  assert.deepEqual(names.toSorted(), ['HOME', 'HOSTNAME']);
});

test('labels and annotations of an image select nothing of the engine', { skip }, async () => {
  const marker = join(engine.folder, 'ran');
  const magic = {
    'run.oci.hooks': marker,
    'run.oci.handler': 'krun',
    'run.oci.seccomp_bpf_data': '',
    'module.wasm.image/variant': 'compat-smart',
    'io.containerd.runc.v2.group': marker,
    'containerd.io/logger': `binary:///bin/touch?${marker}`,
    'org.criu.config': marker,
    'io.podman.annotations.seccomp': 'unconfined',
    'io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel': 'true',
    'com.docker.network.driver': 'host',
  };
  await engine.image('labels:magic', [], { Labels: magic });
  const { code, output } = await engine.run({
    Image: 'labels:magic',
    Cmd: ['grep', '-w', 'Seccomp:', '/proc/self/status'],
  });
  assert.deepEqual([code, output.replace(/\s+/g, ' ')], [0, 'Seccomp: 2 ']);
  assert.ok(!existsSync(marker));
});

test('a volume of an image does not take the place of a kernel file system, also not by a link', {
  skip,
}, async () => {
  for (const [index, path] of ['/proc', '/proc/self/attr', '/proc/sys/kernel', '/p', '/s/attr'].entries()) {
    const tag = `volumes:proc${index}`;
    await engine.image(tag, [link('p', 'proc'), link('s', '/proc/self')], { Volumes: { [path]: {} } });
    const { created, started } = await engine.run({ Image: tag, Cmd: ['true'] });
    const answer = started ?? created;
    assert.equal(answer.status, 400, `${path}: ${JSON.stringify(answer)}`);
    assert.match(JSON.stringify(answer.body), /inside \/proc/);
  }
  await engine.assertUnharmed();
});

test('volumes of an image stay inside when their place is a link out', { skip }, async () => {
  await engine.image('volumes:link', [link('data', out(engine.folder))], {
    Volumes: { '/data': {}, '/data/sub': {} },
  });
  await engine.run({ Image: 'volumes:link', Cmd: ['sh', '-c', 'echo in > /data/in'] });
  assert.ok(!existsSync(join(engine.folder, 'in')));
  assert.ok(!existsSync(join(engine.folder, 'sub')));
  // The copy-up took nothing from out there either.
  const { output } = await engine.run({ Image: 'volumes:link', Cmd: ['ls', '/data/'] });
  assert.doesNotMatch(output, /canary/);
  await engine.assertUnharmed();
});

test('a working directory stays inside, and nothing is made or given away outside', { skip }, async () => {
  const before = statSync(engine.folder);
  await engine.image('workdir:link', [link('work', out(engine.folder)), link('loop', 'loop')]);
  for (const WorkingDir of ['/work', '/work/made', '/work/../../made']) {
    await engine.run({ Image: 'workdir:link', Cmd: ['true'], WorkingDir, User: '33' });
  }
  assert.ok(!existsSync(join(engine.folder, 'made')));
  assert.deepEqual([statSync(engine.folder).uid, statSync(engine.folder).mode], [before.uid, before.mode]);
  const { started } = await engine.run({ Image: 'workdir:link', Cmd: ['true'], WorkingDir: '/loop' });
  assert.equal(started?.status, 400);
});

test('an image whose stop signal and health check are nonsense can still be stopped', { skip }, async () => {
  await engine.image('config:nonsense', [], {
    StopSignal: 'SIGNONSENSE',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1, Timeout: 1, StartInterval: 1, Retries: -1 },
  });
  await engine.start('nonsense', { Image: 'config:nonsense' });
  await new Promise(resolve => setTimeout(resolve, 400));
  const { body } = await engine.daemon.call('GET', '/containers/nonsense/json');
  const { Log } = (body as { State: { Health: { Log: unknown[] } } }).State.Health;
  assert.ok(Log.length <= 1, 'health checks do not follow each other without a pause');
  const stopped = await engine.daemon.call('POST', '/containers/nonsense/stop?t=0');
  assert.equal(stopped.status, 204, JSON.stringify(stopped.body));
  await engine.remove('nonsense');
});

test('an image that exposes and declares without end costs nobody anything', { skip }, async () => {
  const ExposedPorts = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index) => [`1-${65_535 - index}/tcp`, {}]),
  );
  await engine.image('endless:ports', [], { ExposedPorts: { abc: {}, ...ExposedPorts } });
  const begun = performance.now();
  const published = await engine.run({
    Image: 'endless:ports',
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'bridge', PublishAllPorts: true },
  });
  assert.equal(published.started?.status, 400);
  await engine.start('exposes', { Image: 'endless:ports', HostConfig: { NetworkMode: 'bridge' } });
  for (const filter of ['expose', 'publish']) {
    const filters = encodeURIComponent(JSON.stringify({ [filter]: ['1/udp', '1-65535/sctp'] }));
    const { status, body } = await engine.daemon.call('GET', `/containers/json?filters=${filters}`);
    assert.deepEqual([status, body], [200, []]);
  }
  await engine.daemon.call('GET', '/containers/exposes/json');
  await engine.daemon.call('GET', '/containers/json');
  assert.ok(performance.now() - begun < HANG_MS);
  await engine.remove('exposes');
  const Volumes = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`/v/${index}`, {}]));
  await engine.image('endless:volumes', [], { Volumes });
  assert.equal((await engine.run({ Image: 'endless:volumes', Cmd: ['true'] })).created.status, 400);
  await engine.assertUnharmed();
});

/** Loads what need not be an image, as a gzip; the highest of what was measured meanwhile. */
async function loadMeasured(
  archive: Buffer,
  measure: () => number,
): Promise<{ body: string; highest: number }> {
  let highest = 0;
  const timer = setInterval(() => (highest = Math.max(highest, measure())), 5);
  const { body } = await engine.daemon.call('POST', '/images/load', gzipSync(archive), {
    headers: { 'content-type': 'application/x-tar' },
  });
  clearInterval(timer);
  return { body: JSON.stringify(body), highest };
}

test('an archive of very many files keeps none of them open', { skip }, async () => {
  const files = Array.from(
    { length: 3000 },
    (_, index): LayerEntry => ({ path: `f${index}`, content: `${index}` }),
  );
  const open = (): number => readdirSync(`/proc/${engine.daemon.pid}/fd`).length;
  const before = open();
  const { body, highest } = await loadMeasured(tarOf(files), open);
  assert.match(body, /invalid archive/);
  assert.ok(highest - before < 200, `${highest - before} files were open`);
});

test('an archive that names the same large description a thousand times takes the memory of one', {
  skip,
}, async () => {
  const config = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    author: 'x'.repeat(4_000_000),
    rootfs: {},
  });
  const images = (count: number, nameOf: (index: number) => string): object[] =>
    Array.from({ length: count }, (_, index) => ({
      Config: nameOf(index),
      RepoTags: [],
      Layers: ['nosuch'],
    }));
  const resident = (): number => {
    const status = readFileSync(`/proc/${engine.daemon.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  };
  const before = resident();
  const same = tarOf([
    { path: 'c.json', content: config },
    {
      path: 'manifest.json',
      content: JSON.stringify(images(1000, () => 'c.json')).replaceAll('nosuch', 'c.json'),
    },
  ]);
  const many = tarOf([
    ...Array.from({ length: 100 }, (_, index): LayerEntry => ({ path: `${index}.json`, content: config })),
    {
      path: 'manifest.json',
      content: JSON.stringify(images(100, index => `${index}.json`)).replaceAll('nosuch', '0.json'),
    },
  ]);
  for (const archive of [same, many]) {
    const { body, highest } = await loadMeasured(archive, resident);
    assert.match(body, /invalid/);
    assert.ok(highest - before < 300, `memory grew by ${Math.round(highest - before)} MB`);
  }
  await engine.assertUnharmed();
});
