import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineEvent } from '#base/engine-event';
import { acceptsEvent, eventToWire } from './event-wire.ts';

const started: EngineEvent = {
  type: 'container',
  action: 'start',
  actor: { id: 'abcdef', attributes: { image: 'localhost:5000/web:2', name: 'front', tier: 'a' } },
  timeNanos: 1_700_000_000_123_456_789n,
};

test('eventToWire() tells the time in nanoseconds exactly, and older clients the old fields', () => {
  const { timeNano, ...rest } = JSON.parse(eventToWire(started, 51)) as Record<string, unknown>;
  assert.equal(typeof timeNano, 'number');
  assert.match(eventToWire(started, 51), /"timeNano":1700000000123456789\}\n$/);
  assert.deepEqual(rest, {
    status: 'start',
    id: 'abcdef',
    from: 'localhost:5000/web:2',
    Type: 'container',
    Action: 'start',
    Actor: { ID: 'abcdef', Attributes: started.actor.attributes },
    scope: 'local',
    time: 1_700_000_000,
  });
  assert.doesNotMatch(eventToWire(started, 52), /"status"/);
});

const CASES: readonly [filters: Record<string, string[]>, isAccepted: boolean][] = [
  [{}, true],
  [{ event: ['start'] }, true],
  [{ event: ['stop', 'start'] }, true],
  [{ event: ['sta'] }, false],
  [{ type: ['container'] }, true],
  [{ type: ['image'] }, false],
  [{ container: ['abc'] }, true],
  [{ container: ['front'] }, true],
  [{ container: ['back'] }, false],
  [{ image: ['localhost:5000/web:2'] }, true],
  [{ image: ['localhost:5000/web'] }, true],
  [{ image: ['web'] }, false],
  [{ label: ['tier'] }, true],
  [{ label: ['tier=a'] }, true],
  [{ label: ['tier=a', 'none'] }, false],
  [{ scope: ['local'] }, true],
  [{ scope: ['swarm'] }, false],
  [{ daemon: ['x'] }, false],
  [{ service: ['x'] }, false],
  [{ 'made-up': ['x'] }, true],
];

for (const [filters, isAccepted] of CASES) {
  test(`acceptsEvent() ${isAccepted ? 'accepts' : 'refuses'} by ${JSON.stringify(filters)}`, () => {
    assert.equal(acceptsEvent(new Map(Object.entries(filters)), started), isAccepted);
  });
}

test('acceptsEvent() takes actions with a suffix by their prefix', () => {
  const exec = { ...started, action: 'exec_start: sh -c true' };
  assert.ok(acceptsEvent(new Map([['event', ['exec_start']]]), exec));
  assert.ok(!acceptsEvent(new Map([['event', ['exec_die']]]), exec));
});
