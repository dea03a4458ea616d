import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IgnorePatterns, ignoreFiles } from './ignore-patterns.ts';
import { PathPattern } from './path-pattern.ts';

// Pattern, path, and whether it matches: itself, by a folder above it, or not. Facts of moby's patternmatcher.
for (const [pattern, path, expected] of [
  ['**', 'file', 'itself'],
  ['**/', 'dir/file', 'itself'],
  ['**/**', 'dir/file', 'itself'],
  ['dir/**', 'dir/dir2/file', 'itself'],
  ['dir/**', 'dir', 'no'],
  ['**/dir', 'dir', 'itself'],
  ['**/dir', 'dir/file', 'above'],
  ['**/dir', 'a/b/dir', 'itself'],
  ['**/dir2/*', 'dir/dir2/file', 'itself'],
  ['**/dir2/*', 'dir/dir2/x/file', 'above'],
  ['**/dir2/**', 'dir/dir2/dir3/file', 'itself'],
  ['**file', 'dir/dir/file', 'itself'],
  ['**file', 'dir/myfile', 'itself'],
  ['**/file', 'dir/myfile', 'no'],
  ['**/file*txt', 'dir/dir/file.txt', 'itself'],
  ['**/**/*.txt', 'file.txt', 'itself'],
  ['**/**/*.txt', 'dir/dir/file.txt', 'itself'],
  ['**/**/*.txt2', 'dir/dir/file.txt', 'no'],
  ['a**/*.txt', 'a/dir/dir/file.txt', 'itself'],
  ['a**/*.txt', 'afile.txt', 'itself'],
  ['a/*.txt', 'a/dir/file.txt', 'no'],
  ['a/*.txt**', 'a/file.txt', 'itself'],
  ['a*b**c', 'axbxbc', 'itself'],
  ['a*b**c', 'axb/y/c', 'itself'],
  ['a[b-d]e', 'ace', 'itself'],
  ['a[b-d]e', 'aae', 'no'],
  ['a[^b-d]e', 'aze', 'itself'],
  ['a[^b]c', 'a/c', 'no'],
  ['[\\-x]', '-', 'itself'],
  ['[a-ζ]*', 'α', 'itself'],
  ['.*', '.foo', 'itself'],
  ['.*', 'foo', 'no'],
  ['abc.def', 'abcZdef', 'no'],
  ['abc?def', 'abcZdef', 'itself'],
  ['a?b', 'a/b', 'no'],
  ['a?b', 'a😀b', 'itself'],
  ['*', 'fileutils.go', 'itself'],
  ['*', 'a/b', 'above'],
  ['a*b*c*d*e*/f', 'axbxcxdxexxx/f', 'itself'],
  ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', 'no'],
  ['a*b?c*x', 'abxbbxdbxebxczzx', 'itself'],
  ['a\\*b', 'a*b', 'itself'],
  ['a\\*b', 'axb', 'no'],
  ['a.|)$(}+{bc', 'a.|)$(}+{bc', 'itself'],
  ['/docs/', 'docs/x', 'above'],
  ['./docs/../src', 'src', 'itself'],
  ['docs', 'other/docs', 'no'],
] as const) {
  test(`pattern ${pattern} and path ${path}`, () => {
    const above = IgnorePatterns.of([pattern]).ignores(path);
    assert.equal(above, expected !== 'no');
    const clean = pattern.replace(/^\.\/docs\/\.\.\//, '').replace(/\/$|^\//g, '');
    assert.equal(new PathPattern(clean).matches(path), expected === 'itself');
  });
}

test('the last pattern that matches decides', () => {
  for (const [patterns, path, isIgnored] of [
    [['docs', '!docs/README.md'], 'docs/README.md', false],
    [['docs', '!docs/README.md'], 'docs/other.md', true],
    [['docs/', '!docs/README.md', 'docs/README.md'], 'docs/README.md', true],
    [['!fileutils.go', '*.go'], 'fileutils.go', true],
    [['**', '!util/docker/web'], 'util/docker/web/foo', false],
    [['**', '!util/docker/web', 'util/docker/web/foo'], 'util/docker/web/foo', true],
    [['**', '!dist/*.whl'], 'dist/x-1.0+g08.whl', false],
    [['*', '!*.md'], '.', false],
    [[], 'any', false],
  ] as const) {
    assert.equal(IgnorePatterns.of(patterns).ignores(path), isIgnored, `${patterns.join(' ')}: ${path}`);
  }
});

test('a file of patterns: comments, blanks, byte order mark, CR LF', () => {
  const patterns = IgnorePatterns.parse(
    '\uFEFF# comment\r\n\r\n  node_modules/  \r\n ! node_modules/keep\r\n/#x\n*.log',
  );
  assert.ok(patterns.ignores('node_modules'));
  assert.ok(patterns.ignores('node_modules/a/b'));
  assert.ok(!patterns.ignores('node_modules/keep'));
  assert.ok(patterns.ignores('#x'));
  assert.ok(patterns.ignores('a.log'));
  assert.ok(!patterns.ignores('a/a.log'));
  assert.ok(IgnorePatterns.parse('').isEmpty);
  assert.deepEqual(ignoreFiles('dir/My.Dockerfile'), ['dir/My.Dockerfile.dockerignore', '.dockerignore']);
});

test('keeping() keeps a path whatever its characters mean', () => {
  const patterns = IgnorePatterns.of(['**']).keeping('Dockerfile', 'a[1]*');
  assert.ok(!patterns.ignores('Dockerfile'));
  assert.ok(!patterns.ignores('a[1]*'));
  assert.ok(patterns.ignores('a1x'));
});

test('mayKeepBelow() of a folder that is left out', () => {
  const patterns = IgnorePatterns.of(['**', '!a/b*/c', '!x/**/y']);
  for (const [folder, may] of [
    ['a', true],
    ['a/bb', true],
    ['a/bb/c', true],
    ['a/d', false],
    ['b', false],
    ['x/deep/down', true],
  ] as const) {
    assert.equal(patterns.mayKeepBelow(folder), may, folder);
  }
  assert.ok(!IgnorePatterns.of(['a']).mayKeepBelow('a'));
});

for (const pattern of ['!', '[', '[^', '[^bc', 'a[', '[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', 'a\\']) {
  test(`IgnorePatterns refuses ${pattern}`, () => {
    assert.throws(() => IgnorePatterns.parse(`ok\n${pattern}`), {
      kind: 'invalid',
      message: /^\.dockerignore line 2: (?:illegal exclusion pattern|syntax error in pattern)/,
    });
  });
}

test('hostile patterns take no time and no stack', () => {
  const path = `${'a'.repeat(200)}/`.repeat(20);
  const begun = performance.now();
  for (const pattern of [
    '*a'.repeat(500),
    '**a'.repeat(500),
    '**/'.repeat(300),
    '[a-z]*'.repeat(300),
    '?*'.repeat(500),
  ])
    assert.equal(IgnorePatterns.of([`${pattern}b`]).ignores(`${path}c`), false);
  assert.equal(IgnorePatterns.of(['b']).ignores('a/'.repeat(20_000)), false);
  assert.ok(performance.now() - begun < 5000);
  assert.throws(() => IgnorePatterns.of(['a'.repeat(5000)]), /longer than 4096/);
  assert.throws(() => IgnorePatterns.parse('a\n'.repeat(10_001)), /more than 10000 patterns/);
  assert.throws(() => IgnorePatterns.parse('a'.repeat(1024 * 1024 + 1)), /larger than 1024 KiB/);
});
