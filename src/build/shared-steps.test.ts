import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedSteps } from './shared-steps.ts';

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

test('equal steps are done once; who comes later is told what was missed', async () => {
  const steps = new SharedSteps<string>();
  const heard: string[][] = [[], []];
  const end = Promise.withResolvers<string>();
  let begun = 0;
  const run = (listener: number): Promise<string> =>
    steps.run(
      'key',
      (_stream, data) => void heard[listener]?.push(data.toString()),
      async tell => {
        begun += 1;
        await tell('stdout', Buffer.from('first'));
        const result = await end.promise;
        await tell('stderr', Buffer.from('last'));
        return result;
      },
      {},
    );
  const one = run(0);
  await turns();
  const other = run(1);
  await turns();
  end.resolve('done');
  assert.deepEqual(await Promise.all([one, other]), ['done', 'done']);
  assert.equal(begun, 1);
  assert.deepEqual(heard, [
    ['first', 'last'],
    ['first', 'last'],
  ]);
});

test('a step goes on while somebody waits for it, and is cancelled when the last has left', async () => {
  const steps = new SharedSteps<string>();
  let stop: AbortSignal | undefined;
  const [one, other] = [new AbortController(), new AbortController()];
  const run = (signal: AbortSignal): Promise<string> =>
    steps.run(
      'key',
      () => undefined,
      (_tell, signalOfStep) => {
        stop = signalOfStep;
        return new Promise((_resolve, reject) =>
          signalOfStep.addEventListener('abort', () => reject(new Error('stopped'))),
        );
      },
      { signal },
    );
  const first = assert.rejects(run(one.signal), { kind: 'cancelled' });
  const second = assert.rejects(run(other.signal), { kind: 'cancelled' });
  await turns();
  one.abort();
  await first;
  assert.equal(stop?.aborted, false);
  other.abort();
  await second;
  assert.equal(stop?.aborted, true);
});

test('one of several who does not read holds the others up for a moment only', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const steps = new SharedSteps<string>();
  const go = Promise.withResolvers<void>();
  const heard: string[] = [];
  const work = async (tell: (stream: 'stdout', data: Buffer) => void | Promise<void>): Promise<string> => {
    await go.promise;
    await tell('stdout', Buffer.from('a'));
    await tell('stdout', Buffer.from('b'));
    return 'done';
  };
  const stuck = steps.run('key', () => new Promise<void>(() => undefined), work, {});
  const reader = steps.run('key', (_stream, data) => void heard.push(data.toString()), work, {});
  await turns();
  go.resolve();
  await turns();
  t.mock.timers.tick(10_000);
  assert.equal(await reader, 'done');
  assert.equal(await stuck, 'done');
  assert.deepEqual(heard, ['a', 'b']);
});

test('a step that ends while somebody still hears what was missed is not done again', async () => {
  const steps = new SharedSteps<string>();
  const end = Promise.withResolvers<string>();
  const slow = Promise.withResolvers<void>();
  let begun = 0;
  const work = async (tell: (stream: 'stdout', data: Buffer) => void | Promise<void>): Promise<string> => {
    begun += 1;
    await tell('stdout', Buffer.from('first'));
    await tell('stdout', Buffer.from('second'));
    return await end.promise;
  };
  const one = steps.run('key', () => undefined, work, {});
  await turns();
  const heard: string[] = [];
  const listen = async (_stream: string, data: Buffer): Promise<void> => {
    heard.push(data.toString());
    await slow.promise;
  };
  const other = steps.run('key', listen, work, {});
  await turns();
  end.resolve('done');
  assert.equal(await one, 'done');
  slow.resolve();
  assert.equal(await other, 'done');
  assert.deepEqual([begun, heard], [1, ['first', 'second']]);
});
