// The first program of a fresh clone: plain JavaScript without dependencies, for any Node from 18 on.
// Brings the npm packages, and with them the pinned Node, which then runs everything else.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingPackages } from './npm-packages.mjs';

process.stdout.on('error', () => {}); // a reader such as `head` that has read enough

const root = fileURLToPath(new URL('../..', import.meta.url));
const modes = {
  setup: `quai setup, or in a clone: npm run setup
Installs what is missing: the npm packages and the pinned Node; with sudo also Debian packages.`,
  start: `npm start
Installs what is missing, starts the engine at unix:///run/quai.sock unless one answers there, and runs a web page in a
container \`hello\` of it. For an engine elsewhere: ./quai daemon --help`,
  test: `npm test [-- WORD...]
Installs what is missing and runs all tests, or those in files whose path holds a word.`,
  check: `npm run check
Lists what the engine needs of this machine, with the cure for what is missing.`,
};

function main([mode = 'setup', ...rest]) {
  if (!Object.hasOwn(modes, mode)) fail(`no such mode "${mode}"; there are ${Object.keys(modes).join(', ')}`);
  if (rest.includes('--help') || rest.includes('-h')) return say(`Usage: ${modes[mode]}`);
  if (mode !== 'test' && rest.length > 0)
    fail(`"${rest.join(' ')}" is not understood`, '', modes[mode].split('\n')[0]);
  refuseForeignMachines();
  ensureNpmPackages();
  handOver(mode, rest);
}

function refuseForeignMachines() {
  if (process.platform !== 'linux') {
    fail(
      `the engine needs a Linux kernel, and this is ${process.platform}`,
      'containers are made of Linux kernel features',
      'use a Linux machine or a virtual one (macOS: `limactl start template://debian`; Windows: `wsl --install -d Debian`)',
    );
  }
  if (!['x64', 'arm64'].includes(process.arch)) {
    fail(
      `no pinned Node for the CPU ${process.arch}`,
      'the engine is tested on x64 and arm64 only',
      'use such a machine',
    );
  }
  if (Number(process.versions.node.split('.')[0]) < 18) {
    fail(
      `Node ${process.versions.node} is too old to set up with`,
      'the set-up is written for Node 18 and later',
      'sudo apt-get install nodejs npm',
    );
  }
}

function ensureNpmPackages() {
  const missing = missingPackages(
    readJson('package-lock.json'),
    readJson('node_modules/.package-lock.json'),
    process,
  );
  if (missing.length === 0 && existsSync(join(root, 'node_modules/.bin/node'))) return;
  if (missing.length === 0) return ensureNode();
  refuseForeignFolder();
  say(`npm: installing ${missing.length} packages, Node itself among them (about 180 MB, once) …`);
  const { command, args } = npmCommand();
  const result = spawnSync(
    command,
    [...args, 'ci', '--ignore-scripts', '--include=dev', '--include=optional', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (result.error || result.status !== 0) {
    const reason = result.error ? result.error.message : `exit status ${result.status ?? result.signal}`;
    fail(
      `\`npm ci\` failed (${reason})`,
      'it brings the pinned Node and the few libraries the engine uses',
      'check the network (and your proxy or registry settings for npm), then run `npm run setup` again',
    );
  }
  ensureNode();
  giveToOwner();
  say('npm: done');
}

/**
 * npm runs every script on node_modules/.bin/node, and so does ./quai. npm 9 leaves that link out; and where the
 * pinned Node lacks a library, the link must go again, or not even this program could be started to mend it.
 */
function ensureNode() {
  const link = join(root, 'node_modules/.bin/node');
  if (!existsSync(link)) symlinkSync(`../node-linux-${process.arch}/bin/node`, link);
  const library = libraryMissingFor(link);
  if (library === undefined) return;
  const name = library.startsWith('libatomic') ? 'libatomic1' : library;
  const canInstall = process.getuid?.() === 0 && hasApt() && name === 'libatomic1';
  if (canInstall) {
    say(`apt: installing ${name}: the pinned Node is linked with it`);
    apt('update');
    apt('install', '--yes', '--no-install-recommends', name);
    if (libraryMissingFor(link) === undefined) return;
  }
  rmSync(link);
  fail(
    `the pinned Node cannot run: ${library} is missing`,
    'everything runs on it',
    hasApt()
      ? `sudo apt-get install ${name}`
      : `install the package that holds ${library} (Fedora: libatomic)`,
  );
}

/** What the dynamic linker misses, or the reason why the program does not run; `undefined` when it does. */
function libraryMissingFor(program) {
  const result = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (result.status === 0) return undefined;
  return (
    /shared libraries: ([^:\s]+)/.exec(result.stderr ?? '')?.[1] ?? String(result.error ?? result.stderr)
  );
}

function hasApt() {
  return existsSync('/usr/bin/apt-get');
}

function apt(...args) {
  spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Node and npm as the user started them; `npm` from the PATH when they did not come through it. */
function npmCommand() {
  const script = process.env['npm_execpath'];
  const node = process.env['npm_node_execpath'];
  if (script && existsSync(script) && script.endsWith('npm-cli.js')) {
    return { command: node && existsSync(node) ? node : process.execPath, args: [script] };
  }
  return { command: 'npm', args: [] };
}

function refuseForeignFolder() {
  for (const folder of [join(root, 'node_modules'), root]) {
    if (!existsSync(folder)) continue;
    try {
      accessSync(folder, constants.W_OK);
    } catch {
      fail(
        `${folder} cannot be written by you`,
        'packages are installed there',
        `sudo chown -R "$(id -u):$(id -g)" ${folder}   (or run with sudo)`,
      );
    }
  }
}

/** Under sudo the packages go to whoever owns the clone, so that they can be changed without sudo later. */
function giveToOwner() {
  const { uid, gid } = statSync(root);
  if (process.getuid?.() !== 0 || uid === 0) return;
  spawnSync('chown', ['-hR', `${uid}:${gid}`, join(root, 'node_modules')], { stdio: 'ignore' });
}

/** The pinned Node takes over; its end is ours, signals of the terminal reach it by themselves. */
function handOver(mode, rest) {
  const node = join(root, 'node_modules/.bin/node');
  const child = spawn(
    node,
    ['--disable-warning=ExperimentalWarning', join(root, 'tools/setup/main.ts'), mode, ...rest],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  }
  child.on('error', error =>
    fail(
      `cannot start ${node}: ${error.message}`,
      'it runs everything',
      'rm -rf node_modules && npm run setup',
    ),
  );
  child.on('exit', (code, signal) => process.exit(code ?? 128 + os.signals[signal]));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return {};
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

function fail(what, why, cure) {
  process.stderr.write(`✗ ${what}\n`);
  if (why) process.stderr.write(`  why it matters: ${why}\n`);
  if (cure) process.stderr.write(`  cure: ${cure}\n`);
  process.exit(1);
}

main(process.argv.slice(2));
