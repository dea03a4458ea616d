import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';
import { dockerTerminal } from './live-program.ts';

const engine = compatEngine();
const PROMPT = /\/ # /;
const CTRL_P_CTRL_Q = '\x10\x11';

test("docker run -it gives a shell on a terminal of the client's size; exit ends it and the container (S069, S087, S351)", {
  skip,
}, async () => {
  await using terminal = dockerTerminal(
    engine.daemon,
    'run',
    '-it',
    '--name',
    'docker1',
    'busybox',
    '/bin/sh',
  );
  await terminal.shows(PROMPT);
  terminal.write('tty; stty size; echo TERM=$TERM\r');
  await terminal.shows(/\r\n\/dev\/pts\/0\r\n40 120\r\nTERM=xterm\r\n/);
  terminal.write('exit 3\r');
  assert.equal(await terminal.ended(), 3);
  assert.equal(await engine.inspect('docker1', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 3');
});

test('docker run -t without -i has a terminal and no input (S068)', { skip }, async () => {
  assert.equal((await engine.docker(['run', '--rm', '-t', 'busybox', 'tty'])).stdout, '/dev/pts/0\r\n');
  const { code, stderr } = await engine.refused('run', '--rm', '-it', 'busybox', 'sh');
  assert.equal(code, 1);
  assert.match(stderr, /the input device is not a TTY/);
});

test('a resized window resizes the terminal of the process', { skip }, async () => {
  await using terminal = dockerTerminal(engine.daemon, 'run', '--rm', '-it', 'busybox', 'sh');
  const [, path = ''] = await terminal.shows(/^(\/dev\/pts\/\d+)/);
  await terminal.shows(PROMPT);
  terminal.write('trap "stty size" WINCH; echo set\r');
  await terminal.shows(/\r\nset\r\n/);
  await until('the new size', async () => {
    resizeWindow(path, 33, 77);
    terminal.write('stty size\r');
    await new Promise(resolve => setTimeout(resolve, 50));
    return /\r\n33 77\r\n/.test(terminal.stdout);
  });
  terminal.write('exit\r');
  assert.equal(await terminal.ended(), 0);
});

test('Ctrl-C in a terminal interrupts the process, not the client (S092)', { skip }, async () => {
  await using terminal = dockerTerminal(
    engine.daemon,
    'run',
    '--rm',
    '-it',
    '--name',
    'sleeps',
    'busybox',
    'sh',
  );
  await terminal.shows(PROMPT);
  terminal.write('sleep 100; echo status $?\r');
  await until('the sleep', async () => (await engine.ok('top', 'sleeps')).includes('sleep 100'));
  terminal.write('\x03');
  await terminal.shows(/\^C\r\n\/ # /);
  terminal.write('echo still here\r');
  await terminal.shows(/\r\nstill here\r\n/);
  terminal.write('exit\r');
  await terminal.ended();
});

test('Ctrl-C ends a container in the foreground that has no terminal of its own (S092)', {
  skip,
}, async () => {
  const script = 'trap "echo interrupted; exit 130" INT; echo ready; while :; do sleep 0.05; done';
  await using terminal = dockerTerminal(engine.daemon, 'run', '--name', 'fg', 'busybox', 'sh', '-c', script);
  await terminal.shows(/ready/);
  terminal.write('\x03');
  assert.equal(await terminal.ended(), 130);
  assert.match(terminal.stdout, /interrupted/);
  assert.equal(await engine.inspect('fg', '{{.State.Status}}'), 'exited');
});

test('Ctrl-P Ctrl-Q detaches; docker attach comes back to the same shell, twice (S070, S090)', {
  skip,
}, async () => {
  await using first = dockerTerminal(engine.daemon, 'run', '-it', '--name', 'shell', 'busybox', 'sh');
  await first.shows(PROMPT);
  first.write('KEPT=value; echo set\r');
  await first.shows(/\r\nset\r\n/);
  first.write(CTRL_P_CTRL_Q);
  assert.equal(await first.ended(), 0);
  assert.equal(await engine.inspect('shell', '{{.State.Running}}'), 'true');

  for (const round of ['one', 'two']) {
    await using again = dockerTerminal(engine.daemon, 'attach', 'shell');
    again.write('\r');
    await again.shows(PROMPT);
    again.write(`echo "${round} is $KEPT"\r`);
    await again.shows(new RegExp(`\r\n${round} is value\r\n`));
    again.write(CTRL_P_CTRL_Q);
    assert.equal(await again.ended(), 1); // as the Docker command line has it for attach
    assert.match(again.stdout, /read escape sequence/);
  }
  await using last = dockerTerminal(engine.daemon, 'attach', 'shell');
  last.write('\r');
  await last.shows(PROMPT);
  last.write('exit 6\r');
  assert.equal(await last.ended(), 6);
});

test('--detach-keys takes other keys; --no-stdin takes none', { skip }, async () => {
  await using terminal = dockerTerminal(
    engine.daemon,
    'run',
    '-it',
    '--detach-keys',
    'ctrl-a,x',
    '--name',
    'keys',
    'busybox',
    'sh',
  );
  await terminal.shows(PROMPT);
  terminal.write(CTRL_P_CTRL_Q);
  terminal.write('echo not detached\r');
  await terminal.shows(/not detached\r\n/);
  terminal.write('\x01x');
  assert.equal(await terminal.ended(), 0);
  assert.equal(await engine.inspect('keys', '{{.State.Running}}'), 'true');
  const { code, stderr } = await engine
    .refused('run', '-d', '--detach-keys', 'nosuch', 'busybox', 'true')
    .catch(() => ({ code: 0, stderr: '' }));
  assert.ok(code === 0 || /nosuch/.test(stderr));
});

test('docker run -itd keeps a shell alive that a later attach finds (S070, S367)', { skip }, async () => {
  const id = await engine.ok('run', '-itd', '--name', 'c2', 'busybox');
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(
    await engine.inspect('c2', '{{.State.Running}} {{.Config.Tty}} {{.Config.OpenStdin}}'),
    'true true true',
  );
  await using terminal = dockerTerminal(engine.daemon, 'attach', 'c2');
  terminal.write('\r');
  await terminal.shows(PROMPT);
  terminal.write('exit\r');
  assert.equal(await terminal.ended(), 0);
});

test("docker exec -it gives a terminal with the client's size, and hides what a program hides (S089)", {
  skip,
}, async () => {
  await engine.started('db', 'busybox', 'sleep', '100');
  // The runtime gives an exec its terminal without a size, and the engine tells that a moment after the process has begun.
  const script =
    'until [ -n "$(stty size 2>/dev/null)" ]; do usleep 20000; done; stty size; stty -echo; printf "Enter password: "; read secret; stty echo; echo; echo "got ${#secret}"; exit 4';
  await using terminal = dockerTerminal(engine.daemon, 'exec', '-it', 'db', 'sh', '-c', script);
  await terminal.shows(/40 120\r\nEnter password: /);
  terminal.write('topsecret\r');
  assert.equal(await terminal.ended(), 4);
  assert.match(terminal.stdout, /got 9/);
  assert.doesNotMatch(terminal.stdout, /topsecret/);
});

test('docker exec: detach keys leave the process running; a resized window reaches it', {
  skip,
}, async () => {
  await engine.started('host', 'busybox', 'sleep', '100');
  await using terminal = dockerTerminal(engine.daemon, 'exec', '-it', 'host', 'sh');
  const [, path = ''] = await terminal.shows(/^(\/dev\/pts\/\d+)/);
  await terminal.shows(PROMPT);
  await until('the new size', async () => {
    resizeWindow(path, 21, 99);
    terminal.write('stty size\r');
    await new Promise(resolve => setTimeout(resolve, 50));
    return /\r\n21 99\r\n/.test(terminal.stdout);
  });
  terminal.write('sleep 99\r');
  await until('the sleep', async () => (await engine.ok('top', 'host')).includes('sleep 99'));
  terminal.write(CTRL_P_CTRL_Q);
  await terminal.ended();
  assert.match(await engine.ok('top', 'host'), /sleep 99/);
});

test('docker start -ai comes back to a shell that had ended (S046, S070)', { skip }, async () => {
  await engine.ok('create', '-it', '--name', 'shell', 'busybox', 'sh');
  for (const code of [3, 4]) {
    await using terminal = dockerTerminal(engine.daemon, 'start', '-ai', 'shell');
    await terminal.shows(PROMPT);
    terminal.write(`stty size; exit ${code}\r`);
    assert.equal(await terminal.ended(), code);
    assert.match(terminal.stdout, /\r\n40 120\r\n/);
  }
});

test('a terminal passes on what is typed, half a detach sequence too', { skip }, async () => {
  await using terminal = dockerTerminal(
    engine.daemon,
    'run',
    '--rm',
    '-it',
    'busybox',
    'sh',
    '-c',
    'stty raw -echo; echo raw; head -c 4 | xxd -p; stty sane',
  );
  await terminal.shows(/raw\n/);
  terminal.write('\x10ab\x03');
  await terminal.shows(/10616203/);
  assert.equal(await terminal.ended(), 0);
});

test('a terminal loses nothing of a long output', { skip }, async () => {
  const lines = (await engine.docker(['run', '--rm', '-t', 'busybox', 'seq', '1', '50000'])).stdout.split(
    '\r\n',
  );
  assert.equal(lines.length, 50_001);
  assert.ok(lines.slice(0, -1).every((line, index) => line === String(index + 1)));
});

test('docker exec -t sets TERM, as run does; -e wins', { skip }, async () => {
  await engine.started('main', 'busybox', 'sleep', '100');
  assert.equal(
    (await engine.docker(['exec', '-t', 'main', 'sh', '-c', 'tty; echo $TERM'])).stdout,
    '/dev/pts/0\r\nxterm\r\n',
  );
  assert.equal(
    (await engine.docker(['exec', '-t', '-e', 'TERM=vt100', 'main', 'sh', '-c', 'echo $TERM'])).stdout,
    'vt100\r\n',
  );
});

test('a terminal goes on after the engine was killed: attach, input, resize', { skip }, async () => {
  await engine.ok('run', '-itd', '--name', 'kept', 'busybox', 'sh');
  await engine.daemon.kill9();
  await engine.daemon.start();
  await using terminal = dockerTerminal(engine.daemon, 'attach', 'kept');
  terminal.write('\r');
  await terminal.shows(PROMPT);
  // The client makes the window larger by one and then right, so that a shell shows its prompt again.
  terminal.write('until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; exit 9\r');
  assert.equal(await terminal.ended(), 9);
});

test('a closed terminal leaves the container running', { skip }, async () => {
  await using terminal = dockerTerminal(engine.daemon, 'run', '-it', '--name', 'left', 'busybox', 'sh');
  await terminal.shows(PROMPT);
  terminal.signal('SIGKILL');
  await terminal.ended();
  await new Promise(resolve => setTimeout(resolve, 200));
  assert.equal(await engine.inspect('left', '{{.State.Running}}'), 'true');
});

/** By way of another size: the client tells the engine only of changes, and begins to listen for them a bit late. */
function resizeWindow(path: string, rows: number, columns: number): void {
  for (const each of [rows + 1, rows])
    execFileSync('stty', ['-F', path, 'rows', `${each}`, 'cols', `${columns}`]);
}
