import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '#base/errors';
import { type JailedEnd, ProgramJail } from '#store/program-jail';
import { rootMissing } from '../support/image-engine.ts';
import { until } from '../support/until.ts';

const BUSYBOX = '/usr/bin/busybox';
const CRUN = '/usr/bin/crun';
const isMissing = !existsSync(BUSYBOX) || !existsSync(CRUN);
const skip = rootMissing() || (isMissing ? 'busybox-static or crun is not installed' : false);
const { SIGKILL } = constants.signals;
const FOREVER = new AbortController().signal;
const LIMITS = { fileBytes: 1_000_000, memoryBytes: 64 * 1024 ** 2, cpuSeconds: 20 };

interface Attack extends AsyncDisposable {
  readonly folder: string;
  readonly canary: string;
  readonly jail: ProgramJail;
  /** Runs busybox in the jail, as a program that an image has taken over. */
  readonly run: (
    args: readonly string[],
    more?: Partial<typeof LIMITS> & { readonly timeoutMs?: number },
  ) => Promise<JailedEnd>;
  readonly shell: (script: string, more?: Partial<typeof LIMITS>) => Promise<JailedEnd>;
  readonly output: () => string;
}

/** A tree to read, a file to write, and a canary beside them. */
function prepare(options: { readonly hasUsers?: boolean } = {}): Attack {
  const folder = mkdtempSync(join(tmpdir(), 'quai-jail-'));
  const canary = join(folder, 'canary');
  const [tree, out] = [join(folder, 'tree'), join(folder, 'out')];
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'of the tree');
  writeFileSync(canary, 'alive', { mode: 0o600 });
  writeFileSync(out, '');
  const jail = new ProgramJail({ crun: CRUN, folder: join(folder, 'jails'), ...options });
  const run: Attack['run'] = (args, { timeoutMs = 20_000, ...limits } = {}) =>
    jail.run(
      {
        file: BUSYBOX,
        args,
        readable: new Map([['/tree', tree]]),
        writable: new Map([['/out', out]]),
        limits: { ...LIMITS, ...limits },
        timeoutMs,
      },
      { signal: FOREVER },
    );
  return {
    folder,
    canary,
    jail,
    run,
    shell: (script, limits) => run(['sh', '-c', script], limits),
    output: () => readFileSync(out, 'latin1'),
    async [Symbol.asyncDispose]() {
      assert.equal(readFileSync(canary, 'utf8'), 'alive');
      assert.deepEqual(readdirSync(tree), ['file']);
      assert.deepEqual(readdirSync(join(folder, 'jails')), ['state']);
      assert.deepEqual(readdirSync(join(folder, 'jails/state')), []);
      await until('no process of the jail is left', () => processesWith(folder).length === 0);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Processes of this machine whose command line or root has the text. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'latin1').includes(text);
    } catch {
      return false; // it has ended
    }
  });
}

for (const options of [{}, { hasUsers: false }]) {
  const where = 'hasUsers' in options ? ', without a name space of users' : '';
  test(`a program in a jail sees its tree, writes its file, and nothing else${where}`, { skip }, async () => {
    await using attack = prepare(options);
    const { canary, shell, output } = attack;
    assert.deepEqual(await shell('read x < /tree/file; echo "$x" > /out'), { status: 0, output: '' });
    assert.equal(output(), 'of the tree\n');

    await shell('echo /* /tmp/* $$ > /out');
    const seen = output()
      .split(' ')
      .filter(name => !/^\/(?:usr|lib\w*|etc)$/.test(name));
    assert.deepEqual(seen, ['/dev', '/out', '/tmp', '/tree', '/tmp/*', '1\n']);
    await shell('for i in /dev/*; do [ -b $i ] && echo $i; done > /out');
    assert.equal(output(), '');
    for (const place of [canary, '/etc/shadow', '/proc/1/environ', '/tree/../../..' + canary]) {
      const end = await shell(`read x < ${place} && echo "$x" > /out`);
      assert.notEqual(end.status, 0, place);
      assert.match(end.output, /nonexistent|can't open|No such/, place);
    }
    for (const place of ['/tree/new', '/tree/file', '/new', '/usr/lib/new', BUSYBOX, '/etc/ld.so.cache']) {
      const end = await shell(`echo x > ${place}`);
      assert.match(end.output, /can't create .*(?:Read-only|Text file busy|nonexistent)/, place);
    }
  });

  test(`it has no power: no mounts, devices, owners, name spaces, tracing, programs of its own${where}`, {
    skip,
  }, async () => {
    await using attack = prepare(options);
    const refused = [
      ['mount', '-t', 'tmpfs', 'none', '/tmp'],
      ['umount', '/tree'],
      ['mknod', '/tmp/disk', 'b', '8', '0'],
      ['chown', '1:1', '/out'],
      ['chmod', '4755', '/out'],
      ['chroot', '/tmp', '/x'],
      ['unshare', '-m', BUSYBOX, 'true'],
      ['nsenter', '-t', '1', '-m', BUSYBOX, 'true'],
      ['kill', '-9', '1'],
      ['hostname', 'owned'],
      ['renice', '-n', '-5', '-p', '1'],
      ['/out'],
    ];
    for (const args of refused) {
      const end = await attack.run(args);
      assert.notEqual(end.status, 0, `${args.join(' ')}: ${end.output}`);
    }
    const copied = await attack.shell('read -r -n 1 x < /out; exec /tmp/x');
    assert.notEqual(copied.status, 0);
  });

  test(`it has no network, not even the host’s loopback${where}`, { skip }, async () => {
    await using attack = prepare(options);
    let connections = 0;
    const server = createServer(() => (connections += 1)).listen(0, '127.0.0.1');
    await using undo = new AsyncDisposableStack();
    undo.defer(() => void server.close());
    await new Promise(resolve => server.once('listening', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const end = await attack.run(['nc', '127.0.0.1', String(address.port)]);
    assert.notEqual(end.status, 0);
    assert.match(end.output, /socket/);
    assert.equal(connections, 0);
  });
}

test('it is bounded: processes, file size, memory, processor time', { skip }, async () => {
  await using attack = prepare();
  const { shell } = attack;
  const forks = await shell('while :; do : & done');
  assert.match(forks.output, /can't fork/);
  const file = await shell('exec yes > /out', { fileBytes: 10_000 });
  assert.notEqual(file.status, 0);
  assert.equal(attack.output().length, 10_000);
  const memory = await shell('x=0123456789abcdef; while :; do x=$x$x; done');
  assert.notEqual(memory.status, 0);
  assert.match(memory.output, /out of memory|memory exhausted/i);
  const computing = await shell('while :; do :; done', { cpuSeconds: 1 });
  assert.equal(computing.status, 128 + SIGKILL);
});

test('one that hangs is ended when its time is up, and when nobody wants it any more', { skip }, async () => {
  await using attack = prepare();
  await assert.rejects(attack.run(['sleep', '1000'], { timeoutMs: 300 }), (error: unknown) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.kind, 'deadline');
    assert.match(error.message, /busybox was ended: it took longer than 0\.3 s/);
    return true;
  });
  const stop = new AbortController();
  const program = { file: BUSYBOX, args: ['sleep', '1000'], limits: LIMITS, timeoutMs: 60_000 };
  const places = { readable: new Map<string, string>(), writable: new Map<string, string>() };
  const running = attack.jail.run({ ...program, ...places }, { signal: stop.signal });
  await until('it runs', () => processesWith(attack.folder).length > 0);
  stop.abort();
  await assert.rejects(running, { kind: 'cancelled' });
  // Before crun has made anything that could be ended.
  const atOnce = new AbortController();
  const started = attack.jail.run({ ...program, ...places }, { signal: atOnce.signal });
  await delay(1);
  atOnce.abort();
  await assert.rejects(started, { kind: 'cancelled' });
});

test('what an engine that was killed left running is ended by the next one', { skip }, async () => {
  await using attack = prepare();
  const left = Promise.allSettled([attack.run(['sleep', '1000'], { timeoutMs: 60_000 })]);
  await until('it runs', () => readdirSync(join(attack.folder, 'jails/state')).length === 1);
  await until('it sleeps', () => processesWith(attack.folder).length > 0);
  const next = new ProgramJail({ crun: CRUN, folder: join(attack.folder, 'jails') });
  const { status } = await next.run(
    {
      file: BUSYBOX,
      args: ['true'],
      readable: new Map(),
      writable: new Map(),
      limits: LIMITS,
      timeoutMs: 20_000,
    },
    { signal: FOREVER },
  );
  assert.equal(status, 0);
  await left; // whatever it would tell an engine that is not there any more: it has ended
});

test('where no jail can be made the program does not run, and the error says so', { skip }, async () => {
  await using attack = prepare();
  const missing = new Map([['/more', join(attack.folder, 'not-there')]]);
  const program = { file: BUSYBOX, args: ['true'], limits: LIMITS, timeoutMs: 20_000 };
  await assert.rejects(
    attack.jail.run({ ...program, readable: missing, writable: new Map() }, { signal: FOREVER }),
    { kind: 'unavailable', message: /cannot make a jail for \S+busybox: .*not-there/ },
  );
});
