import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logDetails, parseLogConfig } from './log-config.ts';

test('parseLogConfig() limits logs unless told otherwise', () => {
  assert.deepEqual(parse(''), { kind: 'file', driver: 'json-file', maxSizeBytes: 10_000_000, maxFiles: 5 });
  assert.deepEqual(parse('none'), { kind: 'none' });
  assert.deepEqual(parse('local', { 'max-size': '-1', 'max-file': '1' }), {
    kind: 'file',
    driver: 'local',
    maxFiles: 1,
  });
});

test('parseLogConfig() reads sizes in decimal units', () => {
  for (const [text, bytes] of [
    ['10m', 10_000_000],
    ['1g', 1_000_000_000],
    ['1.5kB', 1500],
    ['100', 100],
  ] as const) {
    assert.deepEqual(parse('json-file', { 'max-size': text }), {
      kind: 'file',
      driver: 'json-file',
      maxSizeBytes: bytes,
      maxFiles: 5,
    });
  }
});

test('parseLogConfig() refuses what it does not know, in the words of Docker', () => {
  for (const [type, config, message] of [
    ['fluent', {}, 'error looking up logging plugin fluent: plugin "fluent" not found'],
    ['json-file', { colour: 'red' }, "unknown log opt 'colour' for json-file log driver"],
    ['json-file', { 'max-size': 'big' }, "invalid size: 'big'"],
    ['json-file', { 'max-size': '0' }, "invalid max-size '0': must be larger than 0"],
    ['json-file', { 'max-file': '0' }, 'max-file cannot be less than 1'],
    ['json-file', { 'max-file': 'x' }, 'strconv.Atoi: parsing "x": invalid syntax'],
  ] as const) {
    assert.throws(() => parse(type, config), { kind: 'invalid', message });
  }
});

test('logDetails() shows what the options name, sorted and encoded', () => {
  const container = { labels: { tier: 'a b', 'x.y': 'z=1' }, env: ['HOME=/root', 'MODE=fast'] };
  assert.equal(logDetails({}, container), '');
  assert.equal(
    logDetails({ labels: 'tier,none', env: 'MODE', tag: 't' }, container),
    'MODE=fast,tag=t,tier=a+b',
  );
  assert.equal(logDetails({ 'labels-regex': '^x\\.' }, container), 'x.y=z%3D1');
  assert.throws(() => logDetails({ 'env-regex': '(' }, container), { kind: 'invalid' });
});

function parse(Type: string, Config: Record<string, string> = {}) {
  return parseLogConfig({ Type, Config });
}
