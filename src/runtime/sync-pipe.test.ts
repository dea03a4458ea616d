import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSyncLine } from './sync-pipe.ts';

test('parseSyncLine() reads the numbers of every conmon API version', () => {
  assert.deepEqual(parseSyncLine('{"data": 4711}\n'), { value: 4711, message: '' });
  assert.deepEqual(parseSyncLine('{"pid": 12}\n'), { value: 12, message: '' });
  assert.deepEqual(parseSyncLine('{"exit_code": 3, "message": "x"}\n'), { value: 3, message: 'x' });
});

test('parseSyncLine() unescapes what the runtime said, and takes the first line only', () => {
  assert.deepEqual(parseSyncLine('{"data": -1, "message": "a \\"b\\"\\n"}\n{"data": 1}\n'), {
    value: -1,
    message: 'a "b"\n',
  });
});

test('parseSyncLine() makes a failure of anything else', () => {
  for (const text of ['', 'panic', '{"data": "1"}', '[]', '{"data": -1, "message": "cut of']) {
    const { value, message } = parseSyncLine(text);
    assert.equal(value, -1, text);
    assert.match(message, /^conmon reported /);
  }
});
