import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../support/programs.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const folder = mkdtempSync(`${tmpdir()}/quai-test-`);
after(() => rmSync(folder, { recursive: true }));

test('quai runs from its folder, by its path, and through symbolic links to it and to its folder', async () => {
  symlinkSync(`${repository}/quai`, `${folder}/by-file`);
  symlinkSync('by-file', `${folder}/by-two-links`);
  symlinkSync(repository, `${folder}/by-folder`);
  const ways: readonly (readonly [string, readonly string[]])[] = [
    [`${repository}/quai`, []],
    [`${folder}/by-file`, []],
    [`${folder}/by-two-links`, []],
    [`${folder}/by-folder/quai`, []],
    ['sh', ['-c', `cd ${repository} && sh quai "$@"`, 'sh']],
    ['sh', ['-c', `cd ${folder} && PATH=${repository}:$PATH quai "$@"`, 'sh']],
  ];
  for (const [program, before] of ways) {
    const { code, stdout, stderr } = await runProgram(program, [...before, '--version']);
    assert.equal(code, 0, `${program}: ${stderr}`);
    assert.match(stdout, /^Quai version \d+\.\d+\.\d+/, program);
    const daemon = await runProgram(program, [...before, 'daemon', '--help']);
    assert.match(daemon.stdout, /^Usage: quai daemon/, program);
    const hub = await runProgram(program, [...before, 'hub', 'serve', '--help']);
    assert.match(hub.stdout, /^Usage: quai hub serve/, program);
  }
});

test('quai says how to set up a fresh clone', async () => {
  const clone = `${folder}/with space`;
  mkdirSync(clone);
  copyFileSync(`${repository}/quai`, `${clone}/quai`);
  const { code, stderr } = await runProgram(`${clone}/quai`, ['ps']);
  assert.equal(code, 127);
  assert.match(stderr, /not set up yet; run this first: cd .*with space && sudo npm run setup/);
});

test('quai setup and quai check tell what they do without doing it, and refuse what they do not know', async () => {
  const quai = `${repository}/quai`;
  const ways: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['setup', '--help'], 0, /^Usage: quai setup, or in a clone: npm run setup\n/],
    [
      ['setup', '--frce'],
      1,
      /^✗ "--frce" is not understood\n {2}cure: quai setup, or in a clone: npm run setup\n$/,
    ],
    [['check', '--help'], 0, /^Usage: quai check /],
    [['check', '--rot'], 1, /^quai check: Unknown option '--rot'[^]*\nUsage: quai check /],
  ];
  for (const [words, status, output] of ways) {
    const { code, stdout, stderr } = await runProgram(quai, words);
    assert.equal(code, status, `${words.join(' ')}: ${stderr}`);
    assert.match(stdout + stderr, output);
  }
});

test('quai check ends quietly when nobody reads on', async () => {
  const { stdout, stderr } = await runProgram('sh', ['-c', `${repository}/quai check | head -n 1`]);
  assert.match(stdout, /^. kernel/);
  assert.equal(stderr, '');
});

test('a reader that has gone makes no stack trace', async () => {
  const unread = `mkfifo ${folder}/unread; exec 3<>${folder}/unread 4>${folder}/unread 3>&-; exec "$@" >&4`;
  const ways = ['daemon --help', 'hub serve --help', 'setup --help', 'check'];
  for (const words of ways) {
    const { stderr } = await runProgram('sh', [
      '-c',
      unread,
      'sh',
      `${repository}/quai`,
      ...words.split(' '),
    ]);
    assert.equal(stderr, '', words);
    rmSync(`${folder}/unread`);
  }
});
