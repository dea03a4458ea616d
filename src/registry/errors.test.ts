import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { HttpError } from '#http/http-error';
import { noSpace } from '#store/disk-space';
import { errorDocumentation } from './error-documentation.ts';
import { RegistryError, type RegistryErrorCode, registryErrorOf, unauthorized } from './errors.ts';
import { registryFailure } from './registry-edge.ts';

test('docs/registry-errors.md says what the table says (node tools/registry-errors.ts writes it)', () => {
  const file = new URL('../../docs/registry-errors.md', import.meta.url);
  assert.equal(readFileSync(file, 'utf8'), errorDocumentation());
});

const full = Object.assign(new Error('write'), { errno: -28, code: 'ENOSPC', syscall: 'write' });
const databaseFull = Object.assign(new Error('database or disk is full'), {
  code: 'ERR_SQLITE_ERROR',
  errcode: 13,
});
const CASES: readonly (readonly [string, unknown, RegistryErrorCode, number])[] = [
  ['its own', new RegistryError('DENIED'), 'DENIED', 403],
  ['a path nobody serves', new HttpError(404, 'page not found'), 'NOT_FOUND', 404],
  ['a method nobody serves', new HttpError(405, 'no'), 'UNSUPPORTED', 405],
  ['a body that is too large', new HttpError(413, 'no'), 'TOO_LARGE', 413],
  ['another refusal of HTTP', new HttpError(400, 'no'), 'BAD_REQUEST', 400],
  ['a bad request', new EngineError('invalid', 'no'), 'BAD_REQUEST', 400],
  ['no credentials', new EngineError('unauthorized', 'no'), 'UNAUTHORIZED', 401],
  ['no rights', new EngineError('forbidden', 'no'), 'DENIED', 403],
  ['nothing there', new EngineError('notFound', 'no'), 'NOT_FOUND', 404],
  ['no space', noSpace(), 'NO_SPACE', 507],
  ['a full disk', full, 'NO_SPACE', 507],
  ['a database that cannot grow', databaseFull, 'NO_SPACE', 507],
  ['not now', new EngineError('unavailable', 'later'), 'UNAVAILABLE', 503],
  ['a damaged file', new EngineError('dataLoss', '/srv/secret'), 'UNKNOWN', 500],
  ['a bug', new TypeError('/srv/secret'), 'UNKNOWN', 500],
];

for (const [what, thrown, code, status] of CASES) {
  test(`registryErrorOf() has a code for ${what}: ${code}`, () => {
    const error = registryErrorOf(thrown);
    assert.deepEqual([error.code, error.status], [code, status]);
    assert.ok(!error.message.includes('secret'), 'what nobody foresaw tells nothing of the machine');
  });
}

test('registryFailure() answers as the specification has it', () => {
  const { status, headers, body } = registryFailure(unauthorized('Basic realm="x"'));
  assert.equal(status, 401);
  assert.equal(headers['WWW-Authenticate'], 'Basic realm="x"');
  assert.deepEqual(JSON.parse(String(body)), {
    errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }],
  });
  const told = registryFailure(new RegistryError('NAME_UNKNOWN', 'a\u001b[31mb', { detail: { name: 'x' } }));
  assert.deepEqual(JSON.parse(String(told.body)), {
    errors: [{ code: 'NAME_UNKNOWN', message: 'a [31mb', detail: { name: 'x' } }],
  });
});
