import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyState, stateOf } from './image-document.ts';

const DEFAULT = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PLATFORM = { os: 'linux', architecture: 'amd64' };

function envOf(config: object): readonly string[] | undefined {
  const document = { ...PLATFORM, config, rootfs: { type: 'layers', diff_ids: [] } };
  return stateOf(Buffer.from(JSON.stringify(document)), []).config.Env;
}

test('a stage begins with a PATH, whatever its base has', () => {
  assert.deepEqual(emptyState(PLATFORM).config.Env, [DEFAULT]);
  assert.deepEqual(envOf({}), [DEFAULT]);
  assert.deepEqual(envOf({ Env: ['A=1'] }), ['A=1', DEFAULT]);
  assert.deepEqual(envOf({ Env: ['PATH=/own', 'A=1'] }), ['PATH=/own', 'A=1']);
  assert.deepEqual(envOf({ Env: ['PATH='] }), ['PATH=']);
});
