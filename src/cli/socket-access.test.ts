import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessSteps } from './socket-access.ts';

const user = 'ann';

test('where the socket belongs to a group, that one is joined', () => {
  const groups = 'root:x:0:\nquai:x:990:bob\nstaff:x:50:ann,bob\n';
  assert.match(accessSteps({ groupId: 990, groups, user }), /usermod -aG quai \$USER, then log in again\.$/);
  assert.match(
    accessSteps({ groupId: 50, groups, user }),
    /^ann is a member of the group staff .+ newgrp staff$/,
  );
});

test('where the socket is root’s alone, the engine has to start again with a group', () => {
  const without = accessSteps({ groupId: 0, groups: 'root:x:0:\n', user });
  assert.match(
    without,
    /: sudo groupadd --system quai && sudo usermod -aG quai \$USER, then restart the engine/,
  );
  const withGroup = accessSteps({ groupId: 0, groups: 'root:x:0:\nquai:x:990:\n', user });
  assert.match(withGroup, /: sudo usermod -aG quai \$USER, then restart the engine/);
  assert.equal(accessSteps({ groups: '', user }), without);
});
