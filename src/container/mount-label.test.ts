import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as v from 'valibot';
import type { ContainerId } from '#base/ids';
import { silentLogger } from '#base/logger';
import { HostConfig } from '#spec/docker/host-config';
import { labelSource, type MountLabelDeps } from './mount-label.ts';

const SHARED = 'system_u:object_r:container_file_t:s0';

function setUp({ isEnabled = true, result = 'done', options = [] as string[], id = 'c1' } = {}) {
  const log: string[] = [];
  const deps: MountLabelDeps = {
    host: isEnabled ? { selinuxFileContext: SHARED } : {},
    jail: {
      run: async (job, input) => {
        const { path, context } = input as { path: string; context: string }; // of this job
        log.push(`${job} ${path} ${context}`);
        return result as never; // of this job
      },
    },
    logger: silentLogger,
  };
  const container = { id: id as ContainerId, hostConfig: v.parse(HostConfig, { SecurityOpt: options }) };
  return { log, label: (mode: string) => labelSource(container, { source: '/data', mode }, deps, {}) };
}

describe('labelSource()', () => {
  test('z is the label that all share, Z one of the container alone, the same at each start', async () => {
    const { log, label } = setUp();
    for (const mode of ['', 'ro', 'z', 'ro,Z', 'Z']) await label(mode);
    assert.equal(log[0], `relabel /data ${SHARED}`);
    assert.match(log[1] ?? '', /^relabel \/data system_u:object_r:container_file_t:s0:c\d+,c\d+$/);
    assert.equal(log[2], log[1]);
    assert.equal(log.length, 3);
    const [, low, high] = /c(\d+),c(\d+)$/.exec(log[1] ?? '') ?? [];
    assert.ok(Number(low) < Number(high) && Number(high) < 1024);
    const other = setUp({ id: 'c2' });
    await other.label('Z');
    assert.notEqual(other.log[0], log[1]);
  });

  test('a level that was asked for is taken; with label=disable, and without SELinux, nothing happens', async () => {
    const level = setUp({ options: ['label=level:s0:c1,c2'] });
    await level.label('Z');
    assert.deepEqual(level.log, ['relabel /data system_u:object_r:container_file_t:s0:c1,c2']);
    for (const none of [setUp({ options: ['label=disable'] }), setUp({ isEnabled: false })]) {
      await none.label('Z');
      await none.label('z');
      assert.deepEqual(none.log, []);
    }
  });

  test('what the host cannot do without is refused; a file system without labels is not', async () => {
    await assert.rejects(setUp({ result: 'protected' }).label('z'), {
      kind: 'invalid',
      message: 'SELinux relabeling of /data is not allowed',
    });
    await setUp({ result: 'unsupported' }).label('z');
  });
});
