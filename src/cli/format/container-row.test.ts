import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerRow } from './container-row.ts';

const now = Date.UTC(2026, 0, 2);
const json = {
  Id: '0123456789abcdef',
  Names: ['/web', '/other/link'],
  Image: 'busybox',
  ImageID: 'sha256:fedcba9876543210',
  Command: 'sh -c "echo a very long command"',
  Created: now / 1000 - 27 * 60,
  Ports: [{ PrivatePort: 80, Type: 'tcp' }],
  Labels: { b: '2', a: '1' },
  State: 'running',
  Status: 'Up 27 minutes',
  Mounts: [{ Name: '0123456789abcdef0123', Driver: 'local' }, { Source: '/srv' }],
  NetworkSettings: { Networks: { bridge: {}, mine: {} } },
  SizeRw: 1840,
  SizeRootFs: 247e6,
};

test('containerRow() shortens for people', () => {
  const row = containerRow(json, { now, truncate: true });
  assert.deepEqual(
    [row['ID'], row['Names'], row['Command'], row['RunningFor'], row['Mounts']],
    ['0123456789ab', 'web', '"sh -c \\"echo a very …"', '27 minutes ago', '0123456789abcd…,/srv'],
  );
  assert.deepEqual(
    [row['Labels'], row['LocalVolumes'], row['Networks'], row['Ports'], row['Size'], row['Platform']],
    ['a=1,b=2', '1', 'bridge,mine', '80/tcp', '1.84kB (virtual 247MB)', null],
  );
});

test('containerRow() leaves everything whole when asked to', () => {
  const row = containerRow(json, { now, truncate: false });
  assert.deepEqual(
    [row['ID'], row['Names'], row['Mounts']],
    ['0123456789abcdef', 'web,other/link', '0123456789abcdef0123,/srv'],
  );
});

test('containerRow() shows an image by its ID or tag, not by a digest', () => {
  const image = (Image: string): unknown =>
    containerRow({ ...json, Image }, { now, truncate: true })['Image'];
  assert.equal(image(''), '<no image>');
  assert.equal(image('sha256:fedcba9876543210'), 'fedcba987654');
  assert.equal(image('fedcba987654'), 'fedcba987654');
  assert.equal(image(`app:1@sha256:${'a'.repeat(64)}`), 'app:1');
});
