import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

/** From the oldest the command line still speaks to one with everything it knows. */
for (const version of ['1.24', '1.30', '1.41', '1.44']) {
  test(`the Docker command line speaking ${version} leads a container through its life`, {
    skip,
  }, async () => {
    const docker = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await engine.docker(words, { env: { DOCKER_API_VERSION: version } });
      assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}`);
      return stdout.trim();
    };
    assert.equal(
      await docker('run', '--rm', '-e', 'A=b', '--tmpfs', '/x', 'busybox', 'sh', '-c', 'echo $A'),
      'b',
    );
    await docker(
      'run',
      '-d',
      '--name',
      'old',
      '-v',
      '/data',
      '-p',
      '127.0.0.1::80',
      '--health-cmd',
      'true',
      'busybox',
      'sleep',
      '100',
    );
    assert.equal(await docker('exec', 'old', 'echo', 'inside'), 'inside');
    assert.match(await docker('ps', '--format', '{{.Names}} {{.Ports}}'), /^old 127\.0\.0\.1:\d+->80\/tcp$/);
    assert.match(
      await docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'old'),
      /^(?:172|192\.168)\./,
    );
    assert.match(await docker('top', 'old'), /sleep 100/);
    await docker('stop', '-t', '0', 'old');
    assert.equal(await docker('wait', 'old'), '137');
    await docker('start', 'old');
    await docker('kill', 'old');
    await docker('rm', '-v', 'old');
    assert.match(await docker('images', '--format', '{{.Repository}}:{{.Tag}}'), /^busybox:latest$/);
    assert.equal((await docker('network', 'ls', '-q')).split('\n').length, 3);
    assert.equal(await docker('volume', 'ls', '-q'), '');
    assert.match(await docker('info', '-f', '{{.OSType}}'), /^linux$/);
  });
}
