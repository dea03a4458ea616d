import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from './push-image.ts';

test('a hub that cannot be asked is named, with the reason and what to do', async () => {
  // `fetch` refuses this port itself: nothing is connected to.
  await assert.rejects(ask('http://127.0.0.1:1/v2/'), {
    message: 'cannot ask the hub, http://127.0.0.1:1/v2/: bad port; its address can be given with --hub',
  });
});
