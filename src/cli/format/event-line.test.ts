import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLine } from './event-line.ts';
import { parseExactJson } from './exact-json.ts';

test('eventLine() has the moment to the nanosecond, what happened, to whom, and details in order', () => {
  const event = parseExactJson(
    '{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{"name":"web","image":"busybox"}},"time":1767366245,"timeNano":1767366245123456789}',
  );
  const line = eventLine(event);
  assert.match(
    line,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:05\.123456789(Z|[+-]\d\d:\d\d) container start abc \(image=busybox, name=web\)$/,
  );
  assert.equal(Date.parse(line.split(' ', 1)[0] ?? ''), 1767366245123);
});

test('eventLine() does without details', () => {
  assert.match(
    eventLine({ Type: 'daemon', Action: 'reload', Actor: { ID: 'x' }, time: 5 }),
    /^\S+ daemon reload x$/,
  );
});

test('eventLine() is one line that a terminal shows and does not obey', () => {
  const Attributes = { 'a\x1b[2J': 'b\nforged \x9b1m\u202e' };
  const line = eventLine({ Type: 'image', Action: 'pull', Actor: { ID: 'x', Attributes }, time: 5 });
  assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
});
