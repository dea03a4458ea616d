import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequestPath, type RequestTarget } from './request-path.ts';

const CASES: readonly (readonly [string, RequestTarget | undefined])[] = [
  ['/v2', { type: 'base' }],
  ['/v2/', { type: 'base' }],
  ['/v2/_catalog', { type: 'catalog' }],
  ['/v2/a/tags/list', { type: 'tags', repository: 'a' }],
  ['/v2/tags/list/tags/list', { type: 'tags', repository: 'tags/list' }],
  ['/v2/a/b/manifests/1.0', { type: 'manifest', repository: 'a/b', reference: '1.0' }],
  [
    '/v2/manifests/manifests/manifests',
    { type: 'manifest', repository: 'manifests', reference: 'manifests' },
  ],
  ['/v2/a/blobs/uploads/manifests/x', { type: 'manifest', repository: 'a/blobs/uploads', reference: 'x' }],
  ['/v2/a/blobs/sha256:x', { type: 'blob', repository: 'a', digest: 'sha256:x' }],
  ['/v2/a/blobs/uploads', { type: 'uploads', repository: 'a' }],
  ['/v2/a/blobs/uploads/', { type: 'uploads', repository: 'a' }],
  ['/v2/a/blobs/uploads/1-2', { type: 'upload', repository: 'a', id: '1-2' }],
  ['/v2/a/blobs/uploads/blobs/uploads/', { type: 'uploads', repository: 'a/blobs/uploads' }],
  ['/v2/a/referrers/sha256:x', { type: 'referrers', repository: 'a', digest: 'sha256:x' }],
  ['/v2/a', undefined],
  ['/v2/a/manifests/', undefined],
  ['/v2/manifests/x', undefined],
  ['/v2//x', undefined],
];

for (const [path, target] of CASES) {
  test(`parseRequestPath() reads ${path}`, () => assert.deepEqual(parseRequestPath(path), target));
}
