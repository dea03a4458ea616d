import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quai } from '../fake-cli.ts';

const finding = {
  Kind: 'blob-damaged',
  Digest: 'sha256:1',
  Images: ['app:1'],
  Detail: 'its digest is another',
};
const report = (findings: object[]): object => ({ Images: 2, Blobs: 5, Bytes: 1500, Findings: findings });
const answer = (findings: object[]) => ({ 'POST /quai/images/check': { body: report(findings) } });

test('image check fails for what is wrong, and names it', async () => {
  const { status, out } = await quai('image check', answer([finding]));
  assert.equal(status, 1);
  assert.equal(
    out,
    'blob-damaged sha256:1 of app:1: its digest is another\nChecked 2 images, 5 blobs, 1.5kB: 1 found; quai image check --mend mends what can be\n',
  );
});

test('image check counts one as one', async () => {
  const one = { Images: 1, Blobs: 1, Bytes: 5, Findings: [] };
  const { out } = await quai('image check', { 'POST /quai/images/check': { body: one } });
  assert.equal(out, 'Checked 1 image, 1 blob, 5B: nothing is wrong\n');
});

test('image check --mend succeeds when all was mended', async () => {
  const mended = await quai('fsck --mend', answer([{ ...finding, Mended: true }]));
  assert.equal(mended.status, 0);
  assert.equal(mended.engine.seen[0]?.query['mend'], '1');
  assert.match(mended.out, /\(mended\)\n.*1 found, 1 mended\n$/);
  assert.equal(
    (
      await quai(
        'fsck --mend',
        answer([
          { ...finding, Mended: true },
          { ...finding, Mended: false },
        ]),
      )
    ).status,
    1,
  );
  assert.equal((await quai('fsck', answer([]))).status, 0);
});
