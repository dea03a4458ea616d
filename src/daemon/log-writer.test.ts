import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { createLogger } from './log-writer.ts';

function capture(): { out: Writable; lines: string[] } {
  const lines: string[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString().trimEnd());
      done();
    },
  });
  return { out, lines };
}
const now = (): Date => new Date(0);

test('the JSON format has level, message and fields, and no secrets', () => {
  const { out, lines } = capture();
  createLogger(out, { format: 'json', level: 'info', now }).info('pulled', {
    image: 'x',
    password: 'hunter2',
    Authorization: 'Basic x',
  });
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    message: 'pulled',
    image: 'x',
  });
});

test('an error that was followed by another while undoing comes first', () => {
  const { out, lines } = capture();
  const first = new EngineError('unavailable', 'no rules here');
  const error = new SuppressedError(new EngineError('internal', 'nothing to undo'), first);
  createLogger(out, { format: 'human', level: 'warn', now }).error('cannot start', { error });
  assert.deepEqual(lines, [
    '00:00:00.000 error cannot start error=no rules here; and while undoing what was done: nothing to undo',
  ]);
});

test('a cause is told once', () => {
  const { out, lines } = capture();
  const logger = createLogger(out, { format: 'human', level: 'warn', now });
  const cause = new Error('EACCES');
  logger.error('cannot start', { error: new EngineError('invalid', 'cannot read x: EACCES', { cause }) });
  logger.error('cannot start', { error: new EngineError('invalid', 'cannot read x', { cause }) });
  assert.deepEqual(lines, [
    '00:00:00.000 error cannot start error=cannot read x: EACCES',
    '00:00:00.000 error cannot start error=cannot read x (EACCES)',
  ]);
});

test('the journal format leaves the time to the journal, and tells the priority', () => {
  const { out, lines } = capture();
  const logger = createLogger(out, { format: 'journal', level: 'debug', now });
  logger.debug('d');
  logger.info('ready', { hosts: ['unix:///a'], root: '/r' });
  logger.warn('w');
  logger.error('cannot', { error: 'two\nlines' });
  assert.deepEqual(lines, [
    '<7>d',
    '<6>ready hosts=["unix:///a"] root=/r',
    '<4>w',
    '<3>cannot error=two\\nlines',
  ]);
});

test('the human format is one line, and quiet below its level', () => {
  const { out, lines } = capture();
  const logger = createLogger(out, { format: 'human', level: 'warn', now });
  logger.info('not shown');
  logger.warn('shown', { container: 'abc', count: 2 });
  assert.deepEqual(lines, ['00:00:00.000 warn  shown container=abc count=2']);
});

test('what others say gets no line of its own, moves no cursor, and is cut where it is too long', () => {
  const nasty = 'a\nb\r\u001b[2J\u009b1m\u2028\u202ec\td';
  for (const format of ['json', 'human'] as const) {
    const { out, lines } = capture();
    createLogger(out, { format, level: 'info', now }).info(nasty, { name: nasty, error: new Error(nasty) });
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0] ?? '', /[\p{Cc}\u2028\u202e]/u);
    if (format === 'json') assert.equal((JSON.parse(lines[0] ?? '') as { name: string }).name, nasty);
  }
  const { out, lines } = capture();
  createLogger(out, { format: 'json', level: 'info', now }).info('long', { name: 'x'.repeat(100_000) });
  assert.ok((lines[0] ?? '').length < 9000);
});
