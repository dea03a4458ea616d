import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../support/daemon.ts';
import { cannotMakeDebian } from '../support/debian-image.ts';
import { MARIADB_SERVER, makeMariadbTar, makeWordpressTar } from '../support/debian-packages-image.ts';
import { until } from '../support/until.ts';

const MINUTES = 60_000;
const TITLE = 'Two containers and a name';

/** The variables of the images on Docker Hub. The one thing that leads from one container to the other is the name `db`. */
const DB = { HOST: 'db', USER: 'author', PASSWORD: 'top secret', NAME: 'blog' };
const MYSQL = { ROOT_PASSWORD: 'root’s', DATABASE: DB.NAME, USER: DB.USER, PASSWORD: DB.PASSWORD };
const GRANT =
  "CREATE DATABASE $MYSQL_DATABASE; CREATE USER $MYSQL_USER IDENTIFIED BY '$MYSQL_PASSWORD'; GRANT ALL ON $MYSQL_DATABASE.* TO $MYSQL_USER";

const WORDPRESS = `cat > /etc/wordpress/config-default.php << 'END'
<?php
foreach (array('NAME', 'USER', 'PASSWORD', 'HOST') as $part) define('DB_' . $part, getenv('WORDPRESS_DB_' . $part));
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true);
END
exec php -S 0.0.0.0:80 -t /usr/share/wordpress`;

test('WordPress finds its MariaDB by name, keeps what is written, and finds it again at another address (S201, S345)', {
  skip: cannotRunDocker || cannotMakeDebian,
  timeout: 15 * MINUTES,
}, async t => {
  const [mariadb, wordpress] = [await makeMariadbTar(), await makeWordpressTar()];
  if (!mariadb || !wordpress) return t.skip('Debian’s packages cannot be reached');
  await using daemon = await startDaemon();
  const ok = (...words: string[]): Promise<string> => docker(daemon, words);
  await ok('import', mariadb, 'mariadb');
  await ok('import', wordpress, 'wordpress');
  await ok('network', 'create', 'blog');
  const serve = async (): Promise<void> => {
    const settings = [
      '--name',
      'db',
      '--network',
      'blog',
      '-v',
      'blogdata:/var/lib/mysql',
      ...variables('MYSQL', MYSQL),
    ];
    await ok('run', '-d', ...settings, 'mariadb', 'sh', '-c', MARIADB_SERVER);
    const ping = ['exec', 'db', 'mariadb-admin', 'ping'];
    await until('the data base', async () => (await daemon.docker(ping)).code === 0, 2 * MINUTES);
  };
  await serve();
  await ok('exec', 'db', 'sh', '-c', `mariadb -e "${GRANT}"`);
  const settings = ['--name', 'wordpress', '--network', 'blog', '-p', '127.0.0.1::80'];
  await ok('run', '-d', ...settings, ...variables('WORDPRESS_DB', DB), 'wordpress', 'sh', '-c', WORDPRESS);
  const site = `http://${await ok('port', 'wordpress', '80')}`;
  await until('its web server', async () => (await page(`${site}/readme.html`)) !== '', MINUTES);

  const password = 'a long one 4711';
  const form = {
    weblog_title: TITLE,
    user_name: 'author',
    admin_password: password,
    admin_password2: password,
    admin_email: 'author@example.org',
    blog_public: '0',
  };
  const installed = await page(`${site}/wp-admin/install.php?step=2`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  assert.match(installed, /<h1>Success!<\/h1>/);
  const feed = `${site}/?feed=rss2`;
  assert.match(await page(feed), new RegExp(`<title>${TITLE}</title>`));
  const titles = [
    'exec',
    'db',
    'mariadb',
    '-BN',
    'blog',
    '-e',
    'SELECT post_title FROM wp_posts WHERE ID = 1',
  ];
  assert.equal(await ok(...titles), 'Hello world!');

  const address = (): Promise<string> =>
    ok('inspect', '-f', '{{.NetworkSettings.Networks.blog.IPAddress}}', 'db');
  const before = await address();
  await ok('rm', '-f', 'db');
  assert.match(await page(feed), /Error establishing a database connection/);
  await ok('run', '-d', '--name', 'squatter', '--network', 'blog', 'mariadb', 'sleep', '600');
  await serve();
  assert.notEqual(await address(), before);
  await until('it found the other address', async () => (await page(feed)).includes(TITLE));
  await ok('rm', '-f', 'wordpress', 'db', 'squatter');
});

async function docker(daemon: TestDaemon, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.docker(words, { timeoutMs: 5 * MINUTES });
  assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout.trim();
}

function variables(prefix: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-e', `${prefix}_${name}=${value}`]);
}

/** What a page shows, whatever its status; empty without an answer. */
async function page(url: string, request?: RequestInit): Promise<string> {
  const response = await fetch(url, request).catch(() => undefined);
  return (await response?.text()) ?? '';
}
