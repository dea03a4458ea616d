import assert from 'node:assert/strict';
import { PassThrough, Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import type { Hijacked } from '#client/transport';
import type { InputStream, OutputStream } from '../context.ts';
import { parseDetachKeys } from './detach-keys.ts';
import { runSession, type SessionOptions } from './session.ts';

/** A terminal or pipe on our side, and a container's connection, of which everything is recorded. */
class Bench {
  readonly log: string[] = [];
  readonly stdin: InputStream & PassThrough;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly output = new PassThrough();
  readonly connection: Hijacked;

  constructor({ isTTY }: { readonly isTTY: boolean }) {
    const { log } = this;
    const recorder = (name: string): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          log.push(`${name} ${JSON.stringify(chunk.toString())}`);
          done();
        },
        final(done) {
          log.push(`${name} ends`);
          done();
        },
      });
    this.stdin = Object.assign(new PassThrough(), {
      isTTY,
      setRawMode: (on: boolean) => log.push(`raw ${on}`),
    });
    this.stdout = Object.assign(recorder('stdout'), { isTTY });
    this.stderr = recorder('stderr');
    this.connection = {
      status: 101,
      headers: {},
      input: recorder('input'),
      output: this.output,
      close: () => void log.push('closed'),
    };
  }

  run(options: SessionOptions): Promise<'ended' | 'detached'> {
    return runSession(this.connection, this, options);
  }
}

function frame(type: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
}

test('pipes: output is sorted, and the end of input is passed on without ending the session', async () => {
  const bench = new Bench({ isTTY: false });
  const session = bench.run({ tty: false, stdin: true });
  bench.stdin.end('hello');
  await new Promise(resolve => bench.connection.input.on('finish', resolve));
  bench.output.write(frame(1, 'out'));
  bench.output.end(frame(2, 'err'));
  assert.equal(await session, 'ended');
  assert.deepEqual(bench.log, ['input "hello"', 'input ends', 'stdout "out"', 'stderr "err"', 'closed']);
});

test('terminals: ours is raw while the session lasts, and keys go as they are', async () => {
  const bench = new Bench({ isTTY: true });
  const session = bench.run({ tty: true, stdin: true, detachKeys: parseDetachKeys('') });
  bench.stdin.write('\x03');
  await new Promise(resolve => setImmediate(resolve));
  bench.output.end('a\r\nb');
  assert.equal(await session, 'ended');
  assert.deepEqual(bench.log, ['raw true', 'input "\\u0003"', 'stdout "a\\nb"', 'raw false', 'closed']);
});

test('the detach keys end the session and leave the container', async () => {
  const bench = new Bench({ isTTY: true });
  const session = bench.run({ tty: true, stdin: true, detachKeys: parseDetachKeys('ctrl-a,d') });
  bench.stdin.write('x\x01d');
  assert.equal(await session, 'detached');
  assert.deepEqual(bench.log.slice(-2), ['raw false', 'closed']);
  assert.ok(bench.log.includes('input "x"'));
});

test('input that is not asked for is not read', async () => {
  const bench = new Bench({ isTTY: true });
  bench.output.end(frame(1, 'out'));
  assert.equal(await bench.run({ tty: false, stdin: false }), 'ended');
  assert.deepEqual(bench.log, ['stdout "out"', 'closed']);
  assert.equal(bench.stdin.readableFlowing, null);
});

test('a connection that is reset counts as ended, other failures are told', async () => {
  for (const [code, isEnd] of [
    ['ECONNRESET', true],
    ['EIO', false],
  ] as const) {
    const bench = new Bench({ isTTY: false });
    const broken = Readable.from(
      (async function* (): AsyncGenerator<Buffer> {
        yield frame(1, 'some');
        throw Object.assign(new Error('broken'), { code });
      })(),
    );
    const session = runSession({ ...bench.connection, output: broken }, bench, { tty: false, stdin: false });
    if (isEnd) assert.equal(await session, 'ended');
    else await assert.rejects(session, { message: 'broken' });
    assert.deepEqual(bench.log, ['stdout "some"', 'closed']);
  }
});
