import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../support/daemon.ts';
import { cannotMakeDebian } from '../support/debian-image.ts';
import { MARIADB_SERVER, makeMariadbTar } from '../support/debian-packages-image.ts';
import { until } from '../support/until.ts';
import { dockerTerminal } from './live-program.ts';

const MINUTES = 60_000;
const READY_MS = 2 * MINUTES;

describe('MariaDB of Debian', { skip: cannotRunDocker || cannotMakeDebian, timeout: 15 * MINUTES }, () => {
  let daemon: TestDaemon | undefined;

  before(async () => {
    const tar = await makeMariadbTar();
    if (tar === undefined) return;
    daemon = await startDaemon();
    await docker('import', tar, 'mariadb');
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  async function docker(...words: string[]): Promise<string> {
    const result = await daemon?.docker(words, { timeoutMs: 5 * MINUTES });
    assert.equal(result?.code, 0, `docker ${words.join(' ')}: ${result?.stderr}`);
    return result?.stdout.trim() ?? '';
  }
  async function serve(...options: string[]): Promise<void> {
    await docker('run', '-d', '--name', 'db', ...options, 'mariadb', 'sh', '-c', MARIADB_SERVER);
    const deadline = Date.now() + READY_MS;
    while ((await daemon?.docker(['exec', 'db', 'mariadb-admin', 'ping']))?.code !== 0) {
      const logs = async () => (await daemon?.docker(['logs', 'db']))?.stderr ?? '';
      assert.equal(await docker('inspect', '--format', '{{.State.Running}}', 'db'), 'true', await logs());
      assert.ok(Date.now() < deadline, await logs());
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  }
  const sql = (text: string): Promise<string> => docker('exec', 'db', 'mariadb', '-BN', '-e', text);
  const FILL = 'CREATE DATABASE shop; CREATE TABLE shop.t (n INT); INSERT INTO shop.t VALUES (1), (41);';

  test('with a volume: the container is removed, a new one has the data, served on a published port (S163, S188, S342)', async t => {
    if (!daemon) return t.skip('Debian’s packages cannot be reached');
    await serve('-v', 'dbdata:/var/lib/mysql', '-p', '127.0.0.1::3306');
    await sql(FILL);
    await docker('rm', '-f', 'db'); // as a power cut: the tables were written, or their log was
    await serve('-v', 'dbdata:/var/lib/mysql', '-p', '127.0.0.1::3306');
    assert.equal(await sql('SELECT SUM(n) FROM shop.t'), '42');
    const port = Number((await docker('port', 'db', '3306')).split(':').at(-1));
    assert.match(await greeting(port), /MariaDB/);

    await docker('stop', '-t', '60', 'db');
    assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', 'db'), '0', 'it ended in order');
    await docker('start', 'db');
    await daemon.kill9(); // the data base does not mind
    await daemon.start();
    const deadline = Date.now() + READY_MS;
    while ((await daemon.docker(['exec', 'db', 'mariadb-admin', 'ping'])).code !== 0) {
      assert.ok(Date.now() < deadline, 'it is back');
      await new Promise(resolve => setTimeout(resolve, 200));
    }
    assert.equal(await sql('SELECT SUM(n) FROM shop.t'), '42');
    await docker('rm', '-f', 'db');
    await docker('volume', 'rm', 'dbdata');
  });

  test('without a volume: the data go with the container; mysql asks for a password and does not show it (S089, S343)', async t => {
    if (!daemon) return t.skip('Debian’s packages cannot be reached');
    await serve();
    await sql(FILL);
    await sql("CREATE USER buyer IDENTIFIED BY 'top secret'; GRANT SELECT ON shop.* TO buyer");
    const words = ['exec', '-it', 'db', 'mysql', '--host=127.0.0.1', '--user=buyer', '--password', 'shop'];
    {
      await using terminal = dockerTerminal(daemon, ...words);
      await terminal.shows(/Enter password: /);
      terminal.write('top secret\r');
      await terminal.shows(/MariaDB \[shop\]> /);
      terminal.write('SELECT MAX(n) + 1 FROM t;\r');
      await terminal.shows(/\|\s+42 \|/);
      terminal.write('exit\r');
      assert.equal(await terminal.ended(), 0);
      assert.doesNotMatch(terminal.stdout, /top secret/);
    }
    {
      await using terminal = dockerTerminal(daemon, ...words);
      await terminal.shows(/Enter password: /);
      terminal.write('wrong\r');
      assert.equal(await terminal.ended(), 1);
      assert.match(terminal.stdout, /Access denied for user 'buyer'/);
    }
    await docker('rm', '-f', 'db');
    await serve();
    assert.doesNotMatch(await sql('SHOW DATABASES'), /shop/);
    await docker('rm', '-f', 'db');
  });

  test('the entry point of the official image: no password of its own, and the one that is given holds (S311)', async t => {
    if (!daemon) return t.skip('Debian’s packages cannot be reached');
    const entry = fileURLToPath(new URL('../../images/mariadb/entrypoint.sh', import.meta.url));
    const image = [
      '--tmpfs',
      '/docker-entrypoint-initdb.d',
      '-v',
      `${entry}:/entry:ro`,
      '--entrypoint',
      '/entry',
      'mariadb',
      'mariadbd',
    ];
    const refused = await daemon.docker(['run', '--rm', ...image]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /needs a password for root: give one with -e MARIADB_ROOT_PASSWORD=/);

    const secret = `it's "1" \\ secret`;
    const settings = { ROOT_PASSWORD: secret, DATABASE: 'shop', USER: 'ann', PASSWORD: 'p' };
    const words = Object.entries(settings).flatMap(([key, value]) => ['-e', `MARIADB_${key}=${value}`]);
    await docker('run', '-d', '--name', 'db', ...words, ...image);
    const client = (password: string, ...rest: string[]) =>
      daemon?.docker(['exec', '-e', `MYSQL_PWD=${password}`, 'db', 'mariadb', '-h127.0.0.1', '-BN', ...rest]);
    await until(
      'the account is there',
      async () => (await client('p', '-uann', 'shop', '-e', 'SELECT 1'))?.code === 0,
    );
    assert.equal((await client(secret, '-uroot', '-e', 'SELECT 42'))?.stdout, '42\n');
    for (const wrong of ['', 'root', 'p']) {
      assert.match(
        (await client(wrong, '-uroot', '-e', 'SELECT 1'))?.stderr ?? '',
        /Access denied for user 'root'/,
      );
    }
    await docker('stop', '-t', '60', 'db');
    assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', 'db'), '0');
    await docker('rm', '-v', 'db');
  });
});

/** The first packet of the server, which has its version. */
async function greeting(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.setTimeout(10_000, () => socket.destroy(new Error('no greeting')));
  for await (const bytes of socket) return (bytes as Buffer).toString('latin1');
  throw new Error('the server closed the connection');
}
