import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stopSignalOf } from './stopper.ts';

test('stopSignalOf() takes SIGTERM where an image names none, or nonsense', () => {
  const cases = { '': 15, SIGNONSENSE: 15, '99': 15, SIGQUIT: 3 };
  for (const [StopSignal, number] of Object.entries(cases))
    assert.equal(stopSignalOf({ StopSignal }), number);
});
