import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStep } from './start-step.ts';

const USUAL = 'unix:///run/quai.sock';

for (const [what, address, facts, expected] of [
  ['a unit', USUAL, { hasUnit: true, checkout: '/src/quai' }, 'sudo systemctl start quai'],
  ['a checkout', USUAL, { hasUnit: false, checkout: '/src/quai' }, 'cd /src/quai && sudo npm start'],
  ['neither', USUAL, { hasUnit: false }, 'sudo quai daemon'],
  ['another address', 'unix:///x', { hasUnit: true }, 'sudo quai daemon --host unix:///x'],
] as const) {
  test(`startStep() with ${what}`, () => {
    assert.equal(startStep(address, facts), expected);
  });
}
