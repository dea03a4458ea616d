import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { FAULT_POINTS } from '#base/fault-points';
import { cannotRunContainers, loadBusybox, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { PATIENCE_MS } from '../../support/until.ts';

interface Inspected {
  readonly Id: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
  };
  readonly HostConfig: {
    readonly PortBindings: Record<string, unknown>;
    readonly Memory: number;
    readonly PidsLimit: number | null;
  };
  readonly NetworkSettings: {
    readonly Networks: Record<string, unknown>;
    readonly Ports: Record<string, { HostPort: string }[] | null>;
  };
}

/** The life of a container with all that can leak: an anonymous volume, a published port, a process that ends. */
async function live(daemon: TestDaemon): Promise<void> {
  const request = {
    Image: 'busybox',
    Cmd: ['httpd', '-f', '-p', '80'],
    Volumes: { '/data': {} },
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1' }] } },
  };
  const { status } = await daemon.call('POST', '/containers/create?name=subject', request);
  assert.equal(status, 201);
  assert.equal((await daemon.call('POST', '/containers/subject/start')).status, 204);
  for (const isAttached of [true, false]) await exec(daemon, isAttached);
  const lan = { Container: 'subject' };
  assert.equal((await daemon.call('POST', '/networks/create', { Name: 'lan' })).status, 201);
  assert.equal((await daemon.call('POST', '/networks/lan/connect', lan)).status, 200);
  assert.equal((await daemon.call('POST', '/networks/lan/disconnect', lan)).status, 200);
  assert.equal((await daemon.call('DELETE', '/networks/lan')).status, 204);
  const change = { Add: { '81/tcp': [{ HostIp: '127.0.0.1' }] } };
  assert.equal((await daemon.call('POST', '/quai/containers/subject/ports', change)).status, 200);
  const limits = { Memory: 64 * 2 ** 20, PidsLimit: 50 };
  assert.equal((await daemon.call('POST', '/containers/subject/update', limits)).status, 200);
  assert.equal((await daemon.call('POST', '/commit?container=subject&pause=1')).status, 201);
  assert.equal((await daemon.call('POST', '/containers/subject/stop?t=0')).status, 204);
  assert.equal((await daemon.call('POST', '/containers/subject/start')).status, 204);
  assert.equal((await daemon.call('DELETE', '/containers/subject?force=1&v=1')).status, 204);
}

/** Runs what writes more than a pipe holds: it only ends when somebody reads. */
async function exec(daemon: TestDaemon, isAttached: boolean): Promise<void> {
  const Cmd = ['sh', '-c', 'head -c 300000 /dev/zero'];
  const created = await daemon.call('POST', '/containers/subject/exec', { Cmd, AttachStdout: isAttached });
  assert.equal(created.status, 201);
  const { Id } = created.body as { Id: string };
  const { status } = await daemon.call('POST', `/exec/${Id}/start`, { Detach: !isAttached });
  assert.equal(status, 200);
}

/** A network has its bridge and its rules, and nothing else has; the container is on it where its settings say so. */
async function compareNetworks(daemon: TestDaemon): Promise<void> {
  const networks = (await daemon.call('GET', '/networks')).body as { Name: string; Id: string }[];
  const lan = networks.find(({ Name }) => Name === 'lan');
  const key = createHash('sha256').update(daemon.root).digest('hex').slice(0, 4);
  const aliases = execFileSync('ip', ['-d', '-o', 'link'], { encoding: 'utf8' });
  const own = [...aliases.matchAll(/^\d+: (\S+?): .* alias quai:(\w*):/gm)].filter(([, , k]) => k === key);
  assert.deepEqual(
    own.map(([, name]) => name).filter(name => name?.startsWith('br-')),
    lan ? [`br-${lan.Id.slice(0, 12)}`] : [],
  );
  const table = execFileSync('nft', ['list', 'set', 'inet', `quai_${key}`, 'bridges'], { encoding: 'utf8' });
  assert.equal(table.includes('br-'), lan !== undefined, table);
  const found = await daemon.call('GET', '/containers/subject/json');
  const subject = found.body as Inspected;
  if (found.status !== 200 || !subject.State.Running || !lan) return;
  const inspected = (await daemon.call('GET', '/networks/lan')).body as { Containers: object };
  assert.equal(
    Object.keys(inspected.Containers).length,
    'lan' in subject.NetworkSettings.Networks ? 1 : 0,
    'who is on the network is who should be',
  );
}

/** What the database says must be what the host has. */
async function compareWithHost(daemon: TestDaemon): Promise<void> {
  const found = await daemon.call('GET', '/containers/subject/json');
  const bundles = existsSync(`${daemon.runDir}/c`) ? readdirSync(`${daemon.runDir}/c`) : [];
  const directories = readdirSync(`${daemon.root}/containers`);
  const volumes = (await daemon.call('GET', '/volumes')).body as { Volumes: { Name: string }[] | null };
  if (found.status === 404) {
    assert.deepEqual(
      { bundles, directories, volumes: volumes.Volumes ?? [] },
      { bundles: [], directories: [], volumes: [] },
    );
    return;
  }
  const container = found.body as Inspected;
  assert.deepEqual(directories, [container.Id]);
  assert.equal(volumes.Volumes?.length, 1);
  if (!container.State.Running) {
    assert.deepEqual(bundles, []);
    assert.ok(['created', 'exited'].includes(container.State.Status), container.State.Status);
    return;
  }
  assert.deepEqual(bundles, [container.Id]);
  process.kill(container.State.Pid, 0); // throws when it is not there
  const { body: top } = await daemon.call('GET', '/containers/subject/top?ps_args=-o%20pid,args');
  const processes = (top as { Processes: string[][] }).Processes;
  assert.equal(processes.length, 1, `execs that have not ended: ${JSON.stringify(processes)}`);
  const execs = `${daemon.runDir}/c/${container.Id}/exec`;
  assert.deepEqual(existsSync(execs) ? readdirSync(execs) : [], [], 'files of execs');
  const port = container.NetworkSettings.Ports['80/tcp']?.[0]?.HostPort;
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404, 'the published port answers');
  assert.equal(
    container.NetworkSettings.Ports['81/tcp']?.length ?? 0,
    '81/tcp' in container.HostConfig.PortBindings ? 1 : 0,
    'what is published is what is to be',
  );
  const { body: stats } = await daemon.call('GET', '/containers/subject/stats?stream=0&one-shot=1');
  const used = stats as { memory_stats: { limit: number }; pids_stats: { limit?: number } };
  const { Memory, PidsLimit } = container.HostConfig;
  assert.deepEqual(
    [used.memory_stats.limit === 64 * 2 ** 20, used.pids_stats.limit === 50],
    [Memory === 64 * 2 ** 20, PidsLimit === 50],
    'limits are what they are to be',
  );
}

/** Background clean-up after a restart may take a moment. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}

for (const point of FAULT_POINTS.filter(each => !each.startsWith('build.'))) {
  test(`an engine killed at ${point} finds the truth when it starts again`, {
    skip: cannotRunContainers,
  }, async () => {
    await using daemon = await startBusyboxDaemon({ flags: ['--fault', point] });
    await live(daemon).catch(() => undefined); // cut somewhere, or, by a point in the background, not at all
    await eventually(async () => assert.equal(daemon.isRunning, false, `nothing reached ${point}`));

    await daemon.restart([]);

    await eventually(() => compareWithHost(daemon));
    await eventually(() => compareNetworks(daemon));
    const { status } = await daemon.call('DELETE', '/containers/subject?force=1&v=1');
    assert.ok([204, 404].includes(status), `removal answered ${status}`);
    await eventually(() => compareWithHost(daemon));
    await loadBusybox(daemon); // the image is whole, and the engine works
    await daemon.call('DELETE', '/networks/lan');
    await live(daemon);
  });
}
