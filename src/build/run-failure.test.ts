import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hintFor, OutputTail } from './run-failure.ts';

for (const [what, command, output, code, expected] of [
  [
    'a question of apt',
    'apt-get install python',
    'After this operation, 3 MB will be used.\nDo you want to continue? [Y/n] Abort.',
    1,
    /nobody can answer in a build: give -y/,
  ],
  [
    'mirrors that are gone',
    'apt-get update',
    'Err:1 http://deb.example stretch Release\n  404  Not Found\nE: The repository does not have a Release file.',
    100,
    /no longer maintained: take a newer base image/,
  ],
  [
    'no lists',
    'apt-get install -y x',
    'E: Unable to locate package x',
    100,
    /lists of packages are not there, or have no x: RUN apt-get update && apt-get install/,
  ],
  [
    'no such package',
    '/bin/sh -c apt-get -q update && apt-get install -y no-such',
    'Reading package lists...\nE: Unable to locate package no-such',
    100,
    /^this release has no package no-such: see how it is written/,
  ],
  [
    'a package that is only mentioned',
    'apt-get update; apt-get install -y old',
    "Package old is not available, but is referred to by another package.\n\nE: Package 'old' has no installation candidate",
    100,
    /^this release has no package old:/,
  ],
  [
    'lists that could not be fetched',
    'apt-get update; apt-get install -y x',
    "W: Failed to fetch http://deb.example/x  Temporary failure resolving 'deb.example'\nE: Unable to locate package x",
    100,
    /names cannot be looked up/,
  ],
  [
    'old lists',
    'apt-get install -y x',
    'E: Failed to fetch http://deb.example/x.deb  404  Not Found\nE: Unable to fetch some archives, maybe run apt-get update',
    100,
    /the lists of packages are old: RUN apt-get update &&/,
  ],
  ['names', 'wget x', "wget: bad address 'x'", 1, /names cannot be looked up/],
  ['the disk', 'dd', 'dd: No space left on device', 1, /the disk is full/],
  ['memory', 'make', '', 137, /needed more memory/],
  ['anything else', 'make', 'error: x', 2, undefined],
  ['the words of another program', 'cat notes', 'Do you want to continue? [Y/n]', 1, undefined],
] as const) {
  test(`hintFor(): ${what}`, () => {
    const hint = hintFor(command, output.split('\n'), code);
    if (expected) assert.match(hint ?? '', expected);
    else assert.equal(hint, undefined);
  });
}

test('OutputTail keeps the last lines, and no more than it may', () => {
  const tail = new OutputTail();
  for (let index = 0; index < 100; index += 1) tail.add(Buffer.from(`line ${index}\r\n`));
  assert.deepEqual([tail.lines.length, tail.lines.at(-1)], [20, 'line 99']);
  tail.add(Buffer.alloc(10_000_000, 'x'));
  assert.ok((tail.lines.at(-1)?.length ?? 0) < 20_000);
});
