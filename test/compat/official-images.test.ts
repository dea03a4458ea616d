import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cannotRunDocker } from '../support/daemon.ts';
import { cannotMakeDebian, makeDebianTar } from '../support/debian-image.ts';
import { ownHome, runProgram } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { compatEngine } from './compat-engine.ts';

const MINUTES = 60_000;
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

describe('images that are ready to use, made of Debian’s packages by `npm run images`', {
  skip: cannotRunDocker || cannotMakeDebian,
  timeout: 15 * MINUTES,
}, () => {
  const engine = compatEngine();
  const home = mkdtempSync(join(tmpdir(), 'quai-official-'));
  after(() => rmSync(home, { recursive: true }));

  async function docker(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await engine.daemon.docker(words, { timeoutMs: 2 * MINUTES });
    assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}`);
    return stdout.trim();
  }
  const addressOf = async (name: string, port: number): Promise<string> =>
    (await docker('port', name, String(port))).split('\n')[0] ?? '';

  test('a base, and a web server, a store and a registry on top of it, work as they come (S037, S157)', async t => {
    const tar = await makeDebianTar();
    if (tar === undefined) return t.skip('Debian’s packages cannot be reached');
    const words = ['run', '-s', 'images', '--', 'debian', 'nginx', 'redis', 'registry', '--debian-root', tar];
    const env = { ...engine.daemon.clientEnv, ...ownHome(home) };
    const made = await runProgram('npm', words, { cwd: REPOSITORY, env, timeoutMs: 10 * MINUTES });
    assert.equal(made.code, 0, made.stderr + made.stdout);

    const names = (await docker('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n');
    for (const name of ['debian:12', 'debian:bookworm', 'nginx:latest', 'redis:latest', 'registry:latest'])
      assert.ok(names.includes(name), `${name} is not in ${names.join(' ')}`);
    assert.match(
      await docker('run', '--rm', 'debian:bookworm', 'cat', '/etc/os-release'),
      /^VERSION_CODENAME=bookworm$/m,
    );

    await docker('run', '-d', '--name', 'web', '-p', '127.0.0.1::80', 'nginx');
    const web = await addressOf('web', 80);
    let page = '';
    await until('nginx answers', async () => {
      page = await fetch(`http://${web}/`).then(
        answer => answer.text(),
        () => '',
      );
      return page !== '';
    });
    assert.match(page, /<title>.*<\/title>/);
    await docker('stop', '-t', '60', 'web');
    const stopped = await docker('inspect', '-f', '{{.Config.StopSignal}} {{.State.ExitCode}}', 'web');
    assert.equal(stopped, 'SIGQUIT 0', 'it ended what was under way');

    await docker('run', '-d', '--name', 'store', '-e', 'REDIS_PASSWORD=one " two', 'redis');
    const redis = (...command: string[]): Promise<string> =>
      docker('exec', '-e', 'REDISCLI_AUTH=one " two', 'store', 'redis-cli', ...command);
    await until('redis answers', async () => {
      const { stdout } = await engine.daemon.docker(['exec', 'store', 'redis-cli', 'ping']);
      return /NOAUTH/.test(stdout);
    });
    assert.equal(await redis('set', 'n', '41'), 'OK');
    assert.equal(await redis('incr', 'n'), '42');
    assert.equal(await docker('exec', 'store', 'stat', '-c', '%U', '/proc/1'), 'redis');

    await docker('run', '-d', '--name', 'reg', '-p', '127.0.0.1::5000', 'registry');
    const registry = await addressOf('reg', 5000);
    await until('the registry answers', async () => {
      const answer = await fetch(`http://${registry}/v2/`).catch(() => undefined);
      return answer?.status === 200;
    });
    const image = `${registry}/team/hello:1`;
    await docker('tag', 'busybox', image);
    await docker('push', '-q', image);
    await docker('rmi', image);
    assert.equal(await docker('run', '--rm', '--pull', 'always', '-q', image, 'echo', 'back'), 'back');
  });
});
