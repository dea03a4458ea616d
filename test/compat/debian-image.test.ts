import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../support/daemon.ts';
import { cannotMakeDebian, makeDebianTar } from '../support/debian-image.ts';

const MINUTES = 60_000;

async function ok(daemon: TestDaemon, words: readonly string[], timeoutMs = MINUTES): Promise<string> {
  const { code, stdout, stderr } = await daemon.docker(words, { timeoutMs });
  assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout.trim();
}

test('a Debian image: programs of another userland, packages through the bridge, nginx on a published port, the container kept as it is names found by glibc (S036, S054, S062, S336)', {
  skip: cannotRunDocker || cannotMakeDebian,
  timeout: 15 * MINUTES,
}, async t => {
  const tar = await makeDebianTar();
  if (tar === undefined) {
    t.skip('Debian’s packages cannot be reached');
    return;
  }
  await using daemon = await startDaemon();
  await ok(daemon, ['import', tar, 'debian:12']);
  assert.match(
    await ok(daemon, ['run', '--rm', 'debian:12', 'cat', '/etc/os-release']),
    /Debian GNU\/Linux 12/,
  );

  await ok(daemon, ['network', 'create', 'names']);
  const named = ['run', '-d', '--network', 'names'];
  await ok(daemon, [...named, '--name', 'db', '--network-alias', 'store', 'debian:12', 'sleep', '600']);
  const asks = ['run', '--rm', '--network', 'names', 'debian:12', 'getent', 'ahostsv4', 'store'];
  const address4 = '{{.NetworkSettings.Networks.names.IPAddress}}';
  assert.equal(
    (await ok(daemon, asks)).split(/\s/)[0],
    await ok(daemon, ['inspect', '-f', address4, 'db']),
    'the resolver of the GNU C library finds names, too',
  );

  const install =
    'apt-get update -qq && apt-get install -y -qq nginx-light > /dev/null 2>&1 && exec nginx -g "daemon off;"';
  await ok(daemon, ['run', '-d', '--name', 'web', '-p', '127.0.0.1::80', 'debian:12', 'sh', '-c', install]);
  const address = (await ok(daemon, ['port', 'web', '80'])).split('\n')[0] ?? '';
  const page = await firstPage(daemon, `http://${address}/`);
  assert.match(page, /Welcome to nginx/);

  await ok(daemon, ['stop', 'web']);
  await ok(daemon, ['start', 'web']); // what was installed is in its writable layer
  const again = (await ok(daemon, ['port', 'web', '80'])).split('\n')[0] ?? '';
  assert.match(await firstPage(daemon, `http://${again}/`), /Welcome to nginx/);
  assert.match(await ok(daemon, ['ps']), /"sh -c 'apt-get upda…"/);
});

/** Waits for the page while packages are installed; a container that ends tells why. */
async function firstPage(daemon: TestDaemon, url: string): Promise<string> {
  const deadline = Date.now() + 5 * MINUTES;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return await response.text();
    const isRunning = (await ok(daemon, ['inspect', '--format', '{{.State.Running}}', 'web'])) === 'true';
    assert.ok(isRunning, `the container ended: ${(await daemon.docker(['logs', 'web'])).stdout}`);
    assert.ok(Date.now() < deadline, 'no page within five minutes');
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}
