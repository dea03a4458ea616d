import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAnnotations, harmlessAnnotations } from './annotations.ts';

const STEERING = [
  'run.oci.seccomp_bpf_data',
  'run.oci.handler',
  'Run.OCI.hooks.stdout',
  'module.wasm.image/variant',
  'org.systemd.property.ExecStopPost',
  'org.criu.config',
];

test('checkAnnotations() refuses what steers a runtime, and names it', () => {
  for (const key of STEERING) {
    assert.throws(() => checkAnnotations({ plain: 'x', [key]: '' }), {
      kind: 'invalid',
      message: new RegExp(key),
    });
  }
  checkAnnotations({ plain: '', 'org.opencontainers.image.title': 'x', 'run.ocix': '' });
});

test('harmlessAnnotations() drops what steers a runtime', () => {
  const all = Object.fromEntries(['plain', ...STEERING].map(key => [key, 'x']));
  assert.deepEqual(harmlessAnnotations(all), { plain: 'x' });
});
