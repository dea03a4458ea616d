import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '#spec/dockerfile/parse-dockerfile';
import { findStage, planBuild } from './build-plan.ts';

const FILE = parseDockerfile(`FROM busybox AS base
FROM base AS unused
FROM base AS tool
RUN --mount=from=mounted,target=/m true
FROM busybox AS mounted
FROM busybox AS Last
COPY --from=Tool /x /x
COPY --from=0 /x /y
`);

function planned(target?: string): number[] {
  return planBuild(FILE, target, stage => stage.from.image).stages.map(({ index }) => index);
}

test('planBuild(): the target and what it needs, whatever way it names it', () => {
  assert.deepEqual(planned(), [0, 2, 4]); // a mount from a later stage is an image
  assert.deepEqual(planned('tool'), [0, 2]);
  assert.deepEqual(planned('LAST'), [0, 2, 4]);
  assert.deepEqual(planned('1'), [0, 1]);
});

test('planBuild() names the stages there are', () => {
  assert.throws(() => planned('nope'), {
    kind: 'invalid',
    message: 'target stage "nope" could not be found: there are base, unused, tool, mounted, last',
  });
  const file = parseDockerfile('FROM a\nFROM b');
  assert.throws(() => planBuild(file, '2', () => 'x'), /no stage has a name; there are 0 to 1/);
});

test('findStage() sees only what comes before', () => {
  assert.equal(findStage(FILE.stages, 'tool', 2), undefined);
  assert.equal(findStage(FILE.stages, '2', 2), undefined);
  assert.equal(findStage(FILE.stages, '1', 2)?.name, 'unused');
});
