import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineEvent } from '#base/engine-event';
import { EventLog } from './event-log.ts';

function event(action: string): Omit<EngineEvent, 'timeNanos'> {
  return { type: 'container', action, actor: { id: 'x', attributes: {} } };
}

const everything = { accepts: () => true };

async function actions(
  events: AsyncIterable<EngineEvent>,
  count = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const seen: string[] = [];
  for await (const { action } of events) {
    seen.push(action);
    if (seen.length >= count) break;
  }
  return seen;
}

test('subscribe() passes on what comes after it, and what its filter accepts', async () => {
  const log = new EventLog();
  log.emit(event('before'));
  const subscription = log.subscribe({ accepts: ({ action }) => action !== 'skipped' });
  for (const action of ['one', 'skipped', 'two']) log.emit(event(action));
  assert.deepEqual(await actions(subscription, 2), ['one', 'two']);
  assert.equal(log.listenerCount, 0);
});

test('subscribe() replays since a time, ends at another, and goes on from one to the other', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
  const log = new EventLog({ clock: () => Date.now() });
  log.emit(event('at 1000'));
  t.mock.timers.tick(1000);
  log.emit(event('at 2000'));
  const seconds = (count: number): bigint => BigInt(count) * 1_000_000_000n;
  const past = log.subscribe({ ...everything, untilNanos: seconds(1) });
  assert.deepEqual(await actions(past), ['at 1000']);

  const span = log.subscribe({ ...everything, sinceNanos: seconds(2), untilNanos: seconds(4) });
  t.mock.timers.tick(1000);
  log.emit(event('at 3000'));
  t.mock.timers.tick(1000);
  log.emit(event('too late'));
  assert.deepEqual(await actions(span), ['at 2000', 'at 3000']);
});

test('subscribe() ends when its signal fires', async () => {
  const log = new EventLog();
  const abort = new AbortController();
  const subscription = log.subscribe(everything, { signal: abort.signal });
  log.emit(event('one'));
  abort.abort();
  log.emit(event('unheard'));
  assert.deepEqual(await actions(subscription), ['one']);
  assert.equal(log.listenerCount, 0);
  assert.deepEqual(await actions(log.subscribe(everything, { signal: abort.signal })), []);
});

test('emit() gives no two events the same time, and keeps the last 1024', async () => {
  const log = new EventLog({ clock: () => 5 });
  for (let index = 0; index < 1500; index++) log.emit(event(String(index)));
  const times = new Set<bigint>();
  const names: string[] = [];
  for await (const { action, timeNanos } of log.subscribe({ ...everything, untilNanos: 5_000_000_000n })) {
    times.add(timeNanos);
    names.push(action);
    if (action === '1499') break;
  }
  assert.equal(times.size, 1024);
  assert.equal(names[0], '476');
});

test('emit() cuts a reader off that does not read, and says so', async () => {
  const log = new EventLog();
  const subscription = log.subscribe(everything);
  for (let index = 0; index < 20_000; index++) log.emit(event('x'));
  assert.equal(log.listenerCount, 0);
  await assert.rejects(actions(subscription), { kind: 'unavailable' });
});
