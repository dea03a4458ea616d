import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import type { BuildEvent } from './build-event.ts';
import { BuildProgress } from './build-progress.ts';

function recording(): { readonly progress: BuildProgress; readonly cancelled: () => [string, boolean][] } {
  const events: BuildEvent[] = [];
  const progress = new BuildProgress(event => void events.push(event));
  const cancelled = (): [string, boolean][] =>
    events.flatMap(event => (event.type === 'failed' ? [[event.vertex.name, event.isCancelled]] : []));
  return { progress, cancelled };
}

const end = () => ({ isCached: false });

test('the step that fails first is the one that failed: others are cancelled', async () => {
  const { progress, cancelled } = recording();
  const stage = progress.run(
    progress.vertex({ name: 'RUN', kind: 'run' }),
    () => Promise.reject(new EngineError('invalid', 'no')),
    end,
  );
  const copy = progress.run(progress.vertex({ name: 'COPY', kind: 'copy' }), () => stage, end);
  await Promise.allSettled([stage, copy]);
  assert.deepEqual(cancelled(), [
    ['RUN', false],
    ['COPY', true],
  ]);
});

test('a step that is ended with the whole build is cancelled', async () => {
  const { progress, cancelled } = recording();
  const work = () => Promise.reject(new EngineError('cancelled', 'the client left'));
  await assert.rejects(progress.run(progress.vertex({ name: 'RUN', kind: 'run' }), work, end));
  assert.deepEqual(cancelled(), [['RUN', true]]);
});
