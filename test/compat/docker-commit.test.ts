import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { busyboxEntries } from '../support/busybox-image.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const EXTRA = [
  { path: 'd/', type: 'directory', mode: 0o755 },
  { path: 'd/gone', content: 'gone' },
  { path: 'd/keep', content: 'keep' },
  { path: 'swap/', type: 'directory', mode: 0o755 },
  { path: 'swap/old', content: 'old' },
] as const;

for (const driver of ['auto', 'overlay2']) {
  describe(`storage driver ${driver}`, { skip }, () => {
    const engine = compatEngine({ flags: ['--storage-driver', driver] });
    const image = (name: string, format: string): Promise<string> =>
      engine.ok('image', 'inspect', '-f', format, name);

    test('S109 S110 S114 docker commit makes an image of a container, which runs with its changes', async () => {
      await loadImage(engine, { tags: ['base:1'], extra: EXTRA });
      const script = [
        'rm /d/gone && echo new > /d/new && rm -r /swap && mkdir /swap && echo mine > /swap/mine',
        'echo secret > /data/secret && chmod 700 /d && touch /.wh.keep && truncate -s 200G /holes',
      ].join(' && ');
      const words = ['--name', 'box', '-v', '/data', '-e', 'ONE=1', '-w', '/d', '-l', 'of=box'];
      await engine.ok('run', ...words, 'base:1', 'sh', '-c', script);
      const id = await engine.ok('commit', '-a', 'Ann', '-m', 'a message', 'box', 'backup/my-container');
      assert.match(id, /^sha256:[0-9a-f]{64}$/);
      assert.equal(
        await image('backup/my-container', '{{.Id}} {{.Author}} {{.Comment}}'),
        `${id} Ann a message`,
      );
      assert.deepEqual(JSON.parse(await image(id, '{{json .Config}}')), {
        Cmd: ['sh', '-c', script],
        Env: ['ONE=1', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Labels: { of: 'box' },
        Volumes: { '/data': {} },
        WorkingDir: '/d',
      });
      assert.equal(await image(id, '{{len .RootFS.Layers}}'), '3');
      const show =
        'ls /d /swap; stat -c %a /d; stat -c %s /holes; ls /data; pwd; echo $ONE; ls -a / | grep wh; true';
      assert.equal(
        await engine.run('backup/my-container', 'sh', '-c', show),
        '/d:\nkeep\nnew\n\n/swap:\nmine\n700\n214748364800\n/d\n1',
      );
      assert.match(
        await engine.ok('history', '--no-trunc', '--format', '{{.CreatedBy}}|{{.Comment}}', id),
        /^sh -c rm \/d\/gone .*\|a message\n/,
      );
      // what was not in the image before is no part of the layer: places to mount on
      const folder = mkdtempSync(join(tmpdir(), 'quai-commit-'));
      try {
        await engine.ok('save', '-o', `${folder}/x.tar`, 'backup/my-container');
        assert.equal(spawnSync('tar', ['-xf', `${folder}/x.tar`, '-C', folder]).status, 0);
        const [{ Config, Layers }] = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')) as [
          { Config: string; Layers: string[] },
        ];
        assert.match(Config, new RegExp(id.slice(7)));
        const { stdout } = spawnSync('tar', ['-tf', `${folder}/${Layers.at(-1)}`], { encoding: 'utf8' });
        assert.deepEqual(stdout.trim().split('\n').toSorted(), [
          './',
          'd/',
          'd/.wh.gone',
          'd/new',
          'data/',
          'holes',
          'swap/',
          'swap/.wh..wh..opq',
          'swap/mine',
        ]);
        await engine.ok('rm', '-v', 'box');
        await engine.ok('rmi', 'backup/my-container', 'base:1');
        await engine.ok('load', '-q', '-i', `${folder}/x.tar`);
        assert.equal(await image('backup/my-container', '{{.Id}}'), id);
        assert.equal(await engine.run('backup/my-container', 'cat', '/d/new'), 'new');
      } finally {
        rmSync(folder, { recursive: true });
      }
      await engine.ok('rmi', 'backup/my-container');
    });

    test('docker commit of a container that runs pauses it while its files are read, and no longer', async () => {
      await engine.started('busy', 'busybox', 'sh', '-c', 'echo x > /x; touch /ready; sleep 1000');
      while (!(await engine.ok('diff', 'busy')).includes('/ready'));
      const actions = async (...words: string[]): Promise<string[]> => {
        const since = String(Date.now() / 1000);
        await engine.ok('commit', ...words);
        const filters = ['--filter', 'container=busy', '--format', '{{.Action}}'];
        return (
          await engine.ok('events', '--since', since, '--until', String(Date.now() / 1000), ...filters)
        ).split('\n');
      };
      assert.deepEqual(await actions('busy', 'paused:1'), ['pause', 'unpause', 'commit']);
      assert.equal(await engine.inspect('busy', '{{.State.Status}}'), 'running');
      assert.deepEqual(await actions('--pause=false', 'busy'), ['commit']);
      await engine.ok('pause', 'busy');
      assert.deepEqual(await actions('busy'), ['commit']);
      assert.equal(await engine.inspect('busy', '{{.State.Status}}'), 'paused');
      await engine.ok('unpause', 'busy');
      assert.equal(await engine.run('paused:1', 'cat', '/x'), 'x');
    });
  });
}

describe('any storage driver', { skip }, () => {
  const engine = compatEngine();

  test('docker commit --change takes what a Dockerfile has for it, and refuses the rest before anything happens', async () => {
    const changes = [
      'CMD ["cat", "/etc/hostname"]',
      'ENV A=1 B="two words"\nENV PATH=$PATH:/opt',
      'EXPOSE 80 443/udp',
      'HEALTHCHECK --interval=5s --retries=2 CMD true || false',
      'LABEL a=b',
      'ONBUILD RUN x',
      'STOPSIGNAL SIGINT',
      'USER nobody',
      'VOLUME ["/v w"]',
      'WORKDIR /tmp',
    ];
    await engine.ok('create', '--name', 'box', '--entrypoint', 'env', 'busybox', 'sh');
    await engine.ok('commit', ...changes.flatMap(change => ['-c', change]), 'box', 'changed');
    const config = JSON.parse(
      await engine.ok('image', 'inspect', '-f', '{{json .Config}}', 'changed'),
    ) as object;
    assert.deepEqual(config, {
      Cmd: ['cat', '/etc/hostname'],
      Entrypoint: ['env'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt', 'A=1', 'B=two words'],
      ExposedPorts: { '443/udp': {}, '80/tcp': {} },
      Healthcheck: { Interval: 5e9, Retries: 2, Test: ['CMD-SHELL', 'true || false'] },
      Labels: { a: 'b' },
      OnBuild: ['RUN x'],
      StopSignal: 'SIGINT',
      User: 'nobody',
      Volumes: { '/v w': {} },
      WorkingDir: '/tmp',
    });
    // nothing was written: no layer
    assert.equal(await engine.ok('image', 'inspect', '-f', '{{len .RootFS.Layers}}', 'changed'), '1');
    assert.equal(await engine.run('--hostname', 'here', 'changed'), 'here');
    await engine.ok('commit', '-c', 'ENTRYPOINT ["echo"]', 'box', 'echoes');
    assert.equal(await engine.run('echoes', 'hi'), 'hi');

    for (const [words, message] of [
      [['-c', 'RUN x', 'box'], /run is not a valid change command/],
      [['-c', 'FROM x', 'box'], /from is not a valid change command/],
      [['-c', 'ENV A', 'box'], /ENV must have two arguments/],
      [['-c', 'CMD', 'box'], /CMD requires at least one argument/],
      [['nope'], /No such container: nope/],
      [['box', 'UPPER'], /must be lowercase/],
      [['box', 'x:a b'], /invalid reference format/],
    ] as const) {
      const { code, stderr } = await engine.refused('commit', ...words);
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
    await engine.ok('rmi', 'changed', 'echoes');
    await loadImage(engine, { tags: ['gone:1'], extra: EXTRA });
    await engine.ok('create', '--name', 'orphan', 'gone:1');
    await engine.ok('rmi', '-f', 'gone:1');
    const { stderr } = await engine.refused('commit', 'orphan');
    assert.match(stderr, /image of the container is not here any more.*docker export CONTAINER/);
  });

  test('an image that was committed is pushed, pulled and run', { skip: cannotRunRegistry }, async () => {
    await using registry = await TestRegistry.start();
    const name = `${registry.host}/team/app`;
    const { layers } = await publish(registry.host, 'team/app', '1', [
      { layers: [await busyboxEntries()], config: { Cmd: ['sh'], Env: ['PATH=/bin'] } },
    ]);
    await engine.ok('run', '--name', 'box', `${name}:1`, 'sh', '-c', 'echo pushed > /new');
    const id = await engine.ok('commit', '-c', 'CMD ["cat", "/new"]', 'box', `${name}:2`);
    await engine.ok('push', '-q', `${name}:2`);
    await engine.ok('rm', 'box');
    await engine.ok('rmi', `${name}:1`, `${name}:2`);
    await engine.ok('pull', '-q', `${name}:2`);
    assert.equal(await engine.ok('image', 'inspect', '-f', '{{.Id}}', `${name}:2`), id);
    assert.equal(await engine.run(`${name}:2`), 'pushed');
    const { stdout } = await engine.daemon.quai(['manifest', 'inspect', `${name}:2`]);
    const manifest = JSON.parse(stdout) as { layers: { digest: string }[] };
    assert.deepEqual([manifest.layers.length, manifest.layers[0]?.digest], [2, layers[0]?.digest]);
    await engine.ok('rmi', `${name}:2`);
  });
});
