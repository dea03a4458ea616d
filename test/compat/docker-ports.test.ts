import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();
const WEB = [
  'busybox',
  'sh',
  '-c',
  'echo "page of $(hostname)" > /tmp/index.html; exec httpd -f -p 80 -h /tmp',
];

/** Ports in a row that nobody listens on just now, below those that the kernel gives to whoever asks for any. */
async function freePorts(count: number): Promise<number> {
  for (let first = 20_000 + (process.pid % 120) * 100; ; first += 10) {
    const servers = Array.from({ length: count }, (_, index) => createServer().listen(first + index));
    const listening = await Promise.allSettled(servers.map(server => once(server, 'listening')));
    for (const server of servers) server.close();
    if (listening.every(({ status }) => status === 'fulfilled')) return first;
  }
}

async function page(url: string): Promise<string> {
  let text = '';
  await until(`an answer of ${url}`, async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    if (answer?.ok) text = await answer.text();
    return answer?.ok ?? false;
  });
  return text.trim();
}

async function isRefused(url: string): Promise<boolean> {
  return await fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    () => false,
    () => true,
  );
}

test('docker run -p HOST:CTR opens the port on every address of the host (S073, S219, S223, S335, S336)', {
  skip,
}, async () => {
  const port = await freePorts(1);
  const id = await engine.ok('run', '-p', `${port}:80`, '--name', 'nginx_name', '-h', 'web', '-d', ...WEB);
  assert.equal(await page(`http://127.0.0.1:${port}/`), 'page of web');
  const own = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(q|br-|lo)/.test(name))
    .flatMap(([, addresses]) => (addresses ?? []).filter(({ family }) => family === 'IPv4'));
  for (const { address } of own)
    assert.equal(await page(`http://${address}:${port}/`), 'page of web', address);
  assert.equal(await page(`http://[::1]:${port}/`), 'page of web');
  assert.match(
    await engine.ok('ps', '--format', '{{.Ports}}'),
    new RegExp(`^0\\.0\\.0\\.0:${port}->80/tcp(, \\[::\\]:${port}->80/tcp)?$`),
  );
  assert.match(await engine.ok('port', 'nginx_name'), new RegExp(`^80/tcp -> 0\\.0\\.0\\.0:${port}$`, 'm'));
  await engine.ok('stop', '-t', '0', id.slice(0, 12));
  assert.ok(await isRefused(`http://127.0.0.1:${port}/`));
});

test("a published port is reached from other containers by the host's address (S219)", { skip }, async () => {
  const port = await freePorts(1);
  await engine.started('web', '-h', 'web', '-p', `${port}:80`, ...WEB);
  await page(`http://127.0.0.1:${port}/`);
  const gateway = await engine.inspect('web', '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}');
  assert.equal(await engine.run('busybox', 'wget', '-qO-', `http://${gateway}:${port}/`), 'page of web');
});

test('several containers publish the same container port on ports of their own (S074, S221, S222, S355)', {
  skip,
}, async () => {
  const first = await freePorts(3);
  for (const index of [0, 1, 2])
    await engine.started(`app-${index}`, '-h', `app${index}`, '-p', `${first + index}:80`, ...WEB);
  for (const index of [0, 1, 2])
    assert.equal(await page(`http://127.0.0.1:${first + index}/`), `page of app${index}`);
});

test('no port is open that was not published, EXPOSE or not (S218)', { skip }, async () => {
  await loadImage(engine, {
    tags: ['exposed'],
    config: { ExposedPorts: { '8931/tcp': {} }, Cmd: ['httpd', '-f', '-p', '8931'] },
  });
  await engine.started('quiet', 'exposed');
  const address = await engine.inspect('quiet', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}');
  await until('the server', async () =>
    fetch(`http://${address}:8931/`).then(
      () => true,
      () => false,
    ),
  );
  assert.ok(await isRefused('http://127.0.0.1:8931/'));
  assert.equal(await engine.ok('ps', '--format', '{{.Ports}}'), '8931/tcp');
  assert.equal(await engine.ok('port', 'quiet'), '');
});

test('a port on one address is open there only; IPv6 too (S219)', { skip }, async () => {
  const port = await freePorts(2);
  await engine.started(
    'web',
    '-h',
    'web',
    '-p',
    `127.0.0.1:${port}:80`,
    '-p',
    `[::1]:${port + 1}:80`,
    ...WEB,
  );
  assert.equal(await page(`http://127.0.0.1:${port}/`), 'page of web');
  assert.equal(await page(`http://[::1]:${port + 1}/`), 'page of web');
  assert.ok(await isRefused(`http://127.0.0.1:${port + 1}/`));
  assert.ok(await isRefused(`http://[::1]:${port}/`));
  const other = Object.values(networkInterfaces())
    .flat()
    .find(each => each?.family === 'IPv4' && !each.internal)?.address;
  assert.ok(await isRefused(`http://${other}:${port}/`));
  assert.equal(await engine.ok('port', 'web', '80'), `127.0.0.1:${port}\n[::1]:${port + 1}`);
});

test('ranges, ephemeral ports and -P (S219)', { skip }, async () => {
  const first = await freePorts(6);
  await engine.started('range', '-p', `${first}-${first + 2}:80-82`, ...WEB);
  assert.equal(await page(`http://127.0.0.1:${first}/`).then(text => text.startsWith('page')), true);
  assert.match(
    await engine.ok('port', 'range'),
    new RegExp(`^80/tcp -> 0\\.0\\.0\\.0:${first}$[^]*^82/tcp -> 0\\.0\\.0\\.0:${first + 2}$`, 'm'),
  );
  for (const name of ['any-1', 'any-2'])
    await engine.started(name, '-h', name, '-p', `${first + 3}-${first + 5}:80`, ...WEB);
  assert.deepEqual(
    await Promise.all(
      ['any-1', 'any-2'].map(async name => (await engine.ok('port', name, '80')).split('\n')[0]),
    ),
    [`0.0.0.0:${first + 3}`, `0.0.0.0:${first + 4}`],
  );
  await loadImage(engine, { tags: ['exposed'], config: { ExposedPorts: { '80/tcp': {}, '53/udp': {} } } });
  await engine.started('all', '-P', '-h', 'all', 'exposed', ...WEB.slice(1));
  const ports = await engine.ok('port', 'all');
  const [, ephemeral = ''] = /^80\/tcp -> 0\.0\.0\.0:(\d+)$/m.exec(ports) ?? [];
  assert.ok(Number(ephemeral) >= 1024, ports);
  assert.match(ports, /^53\/udp -> 0\.0\.0\.0:\d+$/m);
  assert.equal(await page(`http://127.0.0.1:${ephemeral}/`), 'page of all');
});

test('UDP ports are published, both ways (S219)', { skip }, async () => {
  const port = await freePorts(1);
  await engine.started('echo', '-p', `${port}:5353/udp`, 'busybox', 'sleep', '100');
  // Busybox has no UDP server: one of ours listens in the container's network.
  const program =
    "const s = require('dgram').createSocket('udp4').on('message', (m, from) => s.send(m, from.port, from.address)).bind(5353)";
  const pid = await engine.inspect('echo', '{{.State.Pid}}');
  const server = spawn('nsenter', ['-t', pid, '-n', process.execPath, '-e', program], { stdio: 'ignore' });
  const socket = createSocket('udp4');
  let answer = '';
  socket.on('message', message => {
    answer = String(message);
  });
  try {
    await until('the echo', async () => {
      socket.send('hello', port, '127.0.0.1');
      await new Promise(resolve => setTimeout(resolve, 100));
      return answer === 'hello';
    });
  } finally {
    socket.close();
    server.kill();
  }
  assert.match(
    await engine.ok('ps', '--format', '{{.Ports}}'),
    new RegExp(`0\\.0\\.0\\.0:${port}->5353/udp`),
  );
});

test('a port that is taken gives a clear error, that names who has it, and leaves nothing (S224)', {
  skip,
}, async () => {
  const port = await freePorts(2);
  await engine.started('holder', '-p', `${port}:80`, 'busybox', 'sleep', '100');
  const { code, stderr } = await engine.refused(
    'run',
    '-d',
    '--name',
    'late',
    '-p',
    `${port}:80`,
    'busybox',
    'sleep',
    '100',
  );
  assert.equal(code, 125);
  assert.match(stderr, new RegExp(`Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated`));
  assert.match(stderr, /holder/);
  assert.equal(await engine.inspect('late', '{{.State.Status}}'), 'created');
  await engine.ok('rm', '-f', 'holder');
  await engine.ok('start', 'late');

  const server = createServer().listen(port + 1, '0.0.0.0');
  await once(server, 'listening');
  const taken = await engine.refused('run', '--rm', '-p', `${port + 1}:80`, 'busybox', 'true');
  server.close();
  assert.equal(taken.code, 125);
  assert.match(taken.stderr, /address already in use|port is already allocated/);
});

test('a port is free again once its container ended, and comes back with docker start (S073)', {
  skip,
}, async () => {
  const port = await freePorts(1);
  await engine.started('web', '-h', 'web', '-p', `${port}:80`, ...WEB);
  await page(`http://127.0.0.1:${port}/`);
  await engine.ok('stop', '-t', '0', 'web');
  await engine.started('next', '-h', 'next', '-p', `${port}:80`, ...WEB);
  assert.equal(await page(`http://127.0.0.1:${port}/`), 'page of next');
  assert.match((await engine.refused('start', 'web')).stderr, /port is already allocated/);
  await engine.ok('rm', '-f', 'next');
  await engine.ok('start', 'web');
  assert.equal(await page(`http://127.0.0.1:${port}/`), 'page of web');
});

test('a published port answers while the engine is killed and started again (S223)', { skip }, async () => {
  const port = await freePorts(1);
  await engine.started('web', '-h', 'web', '-p', `${port}:80`, ...WEB);
  await page(`http://127.0.0.1:${port}/`);
  await engine.daemon.kill9();
  assert.equal(await page(`http://127.0.0.1:${port}/`), 'page of web');
  await engine.daemon.start();
  assert.equal(await page(`http://127.0.0.1:${port}/`), 'page of web');
  assert.equal(await page(`http://[::1]:${port}/`), 'page of web');
});

test('versions of one program, by tag, run side by side (S028, S406)', { skip }, async () => {
  const first = await freePorts(2);
  for (const version of ['1', '2']) {
    const script = `echo version ${version} > /tmp/index.html; exec httpd -f -p 80 -h /tmp`;
    await loadImage(engine, { tags: [`app:${version}`], config: { Cmd: ['sh', '-c', script] } });
    await engine.started(`app-${version}`, '-p', `${first + Number(version) - 1}:80`, `app:${version}`);
  }
  assert.equal(await page(`http://127.0.0.1:${first}/`), 'version 1');
  assert.equal(await page(`http://127.0.0.1:${first + 1}/`), 'version 2');
});
