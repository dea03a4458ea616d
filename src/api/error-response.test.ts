import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { errorResponse } from './error-response.ts';
import { progressReply, withoutPrompt } from './progress-reply.ts';

const HOSTILE = 'cannot unpack "\x1b]0;title\x07\u009b2J\r": no\nwhy';

function messageIn(body: unknown): string {
  assert.ok(body instanceof Uint8Array || typeof body === 'string');
  const parsed: unknown = JSON.parse(Buffer.from(body).toString());
  assert.ok(typeof parsed === 'object' && parsed !== null && 'message' in parsed);
  return String(parsed.message);
}

test('what archives, registries and plugins say in errors reaches terminals as text', async () => {
  const refused = await withoutPrompt(Promise.reject(new EngineError('unauthorized', HOSTILE)));
  assert.ok('body' in refused);
  for (const body of [
    errorResponse(new EngineError('invalid', HOSTILE)).body,
    errorResponse(new Error(HOSTILE)).body,
    refused.body,
  ]) {
    const message = messageIn(body);
    assert.match(message, /^cannot unpack ".*title.*": no\nwhy$/s);
    assert.doesNotMatch(message.replaceAll('\n', ''), /\p{Cc}/u);
  }
});

test('so does what fails in the middle of progress', async () => {
  const answer = await progressReply(async emit => {
    emit({ status: 'begun' });
    await Promise.resolve();
    throw new EngineError('invalid', HOSTILE);
  });
  assert.ok(answer.type === 'stream');
  let text = '';
  for await (const chunk of answer.chunks) text += String(chunk);
  const last: unknown = JSON.parse(text.trim().split('\n').at(-1) ?? '');
  assert.doesNotMatch(JSON.stringify(last).replaceAll('\\n', ''), /\\u00(?:1b|07|9b)|\\r/);
  assert.match(text, /errorDetail.*title/);
});
