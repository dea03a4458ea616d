import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nanosAt, STDERR, STDOUT, secondsAt, streamAt, toMoment } from './log-record.ts';

test('secondsAt() equals the calendar of the platform, in every zone', () => {
  const times = [
    '1970-01-01T00:00:00.000000000+00:00',
    '1999-12-31T23:59:59.999999999-05:00',
    '2000-02-29T12:00:00.000000001+14:00',
    '2024-02-29T00:00:00.500000000+05:45',
    '2026-11-21T08:07:00.242950316+00:00',
    '2100-03-01T00:00:00.000000000-09:30',
  ];
  for (const time of times) {
    const bytes = Buffer.from(`xx${time} stdout F \n`);
    assert.equal(secondsAt(bytes, 2), Math.floor(Date.parse(time) / 1000), time);
    assert.equal(nanosAt(bytes, 2), Number(time.slice(20, 29)), time);
  }
});

test('streamAt() knows records from everything else', () => {
  const record = '2026-11-21T08:07:00.242950316+00:00 stdout F x\n';
  assert.equal(at(record), STDOUT);
  assert.equal(at(record.replace('stdout', 'stderr')), STDERR);
  assert.equal(at(record.replace(' F ', ' P ')), STDOUT);
  for (const broken of [
    '\n',
    record.slice(1),
    record.slice(0, 45),
    record.replace(' F ', ' Q '),
    '\0'.repeat(60),
  ]) {
    assert.equal(at(broken), 0, JSON.stringify(broken));
  }
});

test('toMoment() splits nanoseconds without losing any', () => {
  assert.deepEqual(toMoment(1_795_248_420_242_950_316n), { seconds: 1_795_248_420, nanos: 242_950_316 });
});

function at(text: string): number {
  const bytes = Buffer.from(text);
  return streamAt(bytes, 0, bytes.length);
}
