import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filtersQuery } from './filters.ts';

test('filtersQuery() groups values by name, and sends nothing when there are none', () => {
  assert.deepEqual(filtersQuery([]), {});
  assert.deepEqual(filtersQuery(['label=a=b', 'Label=c', 'status=running'], 'f'), {
    filters: '{"label":["a=b","c"],"status":["running"]}',
  });
});

test('filtersQuery() refuses one without =', () => {
  assert.throws(() => filtersQuery(['running'], 'f'), {
    name: 'UsageError',
    message: 'invalid argument "running" for "-f, --filter" flag: bad format of filter (expected name=value)',
  });
});
