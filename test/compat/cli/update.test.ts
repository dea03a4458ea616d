import { test } from 'node:test';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();

const script: Script = {
  'POST /containers/web/update': { body: { Warnings: null } },
  'POST /containers/warn/update': { body: { Warnings: ['a warning', 'another'] } },
  'POST /containers/nope/update': { status: 404, body: { message: 'No such container: nope' } },
};

test('update sends and shows what Docker does', { skip }, async () => {
  for (const words of [
    ['-m', '64m', 'web'],
    ['--memory', '1g', '--memory-swap', '-1', '--memory-reservation', '32m', 'web'],
    ['--cpus', '0.5', 'web', 'warn', 'nope'],
    ['--cpu-period', '100000', '--cpu-quota', '50000', '-c', '512', 'web'],
    ['--cpuset-cpus', '0-1', '--cpuset-mems', '0', 'web'],
    ['--pids-limit', '-1', '--blkio-weight', '300', 'web'],
    ['--pids-limit', '0', 'web'],
    ['--cpu-rt-period', '1', '--cpu-rt-runtime', '1', 'web'],
    ['--restart', 'on-failure:3', 'web'],
    ['--restart', 'no', 'web'],
    ['--restart', 'on-failure:x', 'web'],
    ['web'],
  ]) {
    await context.engine.same(script, ['update', ...words]);
  }
  await context.engine.same(script, ['container', 'update', '--cpus', '1', 'web']);
});
