import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runProgram } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

/** Debian's package: Compose 1 (`docker-compose`, Python) in Debian 12, Compose 2 later. */
const version = spawnSync('docker-compose', ['version', '--short'], { encoding: 'utf8' });
const skipCompose =
  skip || (version.status === 0 ? false : 'no docker-compose (apt-get install docker-compose)');
/** between the parts of a container's name */
const dash = version.stdout?.startsWith('1.') ? '_' : '-';

const PROJECT = `version: '2.4'
services:
  database:
    image: busybox
    init: true
    command: sh -c 'echo "notes of $$MYSQL_USER" >> /data/index.html; exec httpd -f -p 3306 -h /data'
    environment:
      MYSQL_USER: hackmd
      MYSQL_PASSWORD: change_password
    volumes: ['database:/data']
    healthcheck:
      test: ['CMD', 'wget', '-qO-', 'http://localhost:3306/']
      interval: 1s
    networks:
      backend:
        aliases: [mysql]
  codimd:
    image: busybox
    init: true
    command: sh -c 'mkdir /w; wget -qO /w/index.html http://mysql:3306/ && exec httpd -f -p 80 -h /w'
    depends_on:
      database: {condition: service_healthy}
    links: ['database:store']
    ports: ['127.0.0.1::80']
    mem_limit: 64m
    networks: [default, backend]
networks:
  backend: {}
volumes:
  database: {}
`;

const folder = mkdtempSync(join(tmpdir(), 'quai-compose-'));
after(() => rmSync(folder, { recursive: true }));
const directory = join(folder, 'hackmd');
mkdirSync(directory);
writeFileSync(join(directory, 'docker-compose.yml'), PROJECT);

/** `docker-compose …words` in the project's folder, which must end well: its standard output. */
async function compose(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram('docker-compose', words, {
    cwd: directory,
    env: { DOCKER_HOST: `unix://${engine.daemon.socketPath}`, COMPOSE_ANSI: 'never' },
  });
  assert.equal(code, 0, `docker-compose ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

const web = `hackmd${dash}codimd${dash}1`;

async function down(): Promise<void> {
  await compose('down', '-v');
  const left = [
    await engine.ok('ps', '-aq'),
    await engine.ok('volume', 'ls', '-q'),
    await engine.ok('network', 'ls', '-q', '--filter', 'type=custom'),
  ];
  assert.deepEqual(left, ['', '', '']);
}

test('docker-compose: a project of one file goes up in order, again without a change, and down (S220, S225, S226, S227, S228, S229, S232, S234)', {
  skip: skipCompose,
}, async () => {
  await compose('up', '-d');
  const url = `http://${(await compose('port', 'codimd', '80')).trim()}/`;
  await until('the page', async () => (await fetch(url).catch(() => undefined))?.ok ?? false);
  const page = await (await fetch(url)).text();
  assert.equal(page, 'notes of hackmd\n', 'it started when its database was healthy');
  assert.match(await compose('ps'), new RegExp(`${web} `));

  const id = await engine.inspect(web, '{{.Id}}');
  await compose('up', '-d');
  assert.equal(await engine.inspect(web, '{{.Id}}'), id, 'what is as the file says is left alone');

  await compose('up', '-d', '--scale', 'database=2');
  assert.equal((await compose('ps', '-q', 'database')).trim().split('\n').length, 2);
  await compose('restart', 'codimd');
  await compose('stop');
  await compose('start');
  await down();
});

test('docker-compose: services find each other by names, aliases and links, and so do others on the network of the project (S079, S209, S230, S231, S235, S236)', {
  skip: skipCompose,
}, async () => {
  await compose('up', '-d');
  const other = (url: string): Promise<string> =>
    engine.run('--network', 'hackmd_default', 'busybox', 'wget', '-qO-', url);
  await until('the page', async () => (await other('http://codimd/').catch(() => '')) === 'notes of hackmd');
  assert.equal(await other(`http://${web}/`), 'notes of hackmd');
  const inside = ['exec', '-T', 'codimd', 'wget', '-qO-', 'http://store:3306/'];
  assert.equal(await compose(...inside), 'notes of hackmd\n', 'by its link');
  await down();
});
