import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import type { SeccompCompiler } from '#sys/seccomp';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import { SeccompFilters, type SeccompRequest } from './seccomp-filters.ts';

const REQUEST: SeccompRequest = {
  seccomp: 'builtin',
  isPrivileged: false,
  capabilities: DEFAULT_CAPABILITIES,
  takesProgram: true,
};
const PROGRAM = Buffer.from('8 bytes!');

test('SeccompFilters compiles a profile once, whoever asks, and again only for other capabilities', async () => {
  using folder = temporaryFolder();
  const compiler = fakeCompiler();
  const filters = makeFilters(folder.path, compiler);
  const settings = await Promise.all([filters.setting(REQUEST), filters.setting(REQUEST)]);
  await filters.setting({ ...REQUEST, capabilities: DEFAULT_CAPABILITIES.toReversed() });
  assert.equal(compiler.count, 1);
  assert.deepEqual(settings[0], { kind: 'program', base64: PROGRAM.toString('base64') });

  await filters.setting({ ...REQUEST, capabilities: [] });
  assert.equal(compiler.count, 2);
});

test('SeccompFilters finds programs of an earlier engine on disk, and makes cut ones anew', async () => {
  using folder = temporaryFolder();
  await makeFilters(folder.path, fakeCompiler()).prewarm();
  const [name = ''] = readdirSync(folder.path);
  const next = fakeCompiler();
  await makeFilters(folder.path, next).setting(REQUEST);
  assert.equal(next.count, 0);

  writeFileSync(join(folder.path, name), PROGRAM.subarray(0, 5));
  await makeFilters(folder.path, next).setting(REQUEST);
  assert.equal(next.count, 1);
  await makeFilters(folder.path, { ...next, version: 'newer' }).setting(REQUEST);
  assert.equal(readdirSync(folder.path).length, 2, 'another compiler, another program');
});

test('SeccompFilters works without a place to keep programs', async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  const compiler = fakeCompiler();
  const filters = makeFilters(join(file, 'cache'), compiler);
  assert.equal((await filters.setting(REQUEST)).kind, 'program');
  await filters.prewarm();
  assert.equal(compiler.count, 1);
});

test('SeccompFilters hands the profile itself to runtimes that compile', async () => {
  using folder = temporaryFolder();
  const withFlags = '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"]}';
  for (const [request, compiler] of [
    [{ ...REQUEST, takesProgram: false }, fakeCompiler()],
    [REQUEST, undefined],
    [{ ...REQUEST, seccomp: withFlags }, fakeCompiler()],
  ] as const) {
    const setting = await makeFilters(folder.path, compiler).setting(request);
    assert.equal(setting.kind, 'profile');
    assert.equal(compiler?.count ?? 0, 0);
  }
});

test('SeccompFilters writes 64-bit numbers of a profile exactly', async () => {
  const arg = '{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}';
  const seccomp = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"read","action":"SCMP_ACT_ERRNO","args":[${arg}]}]}`;
  const setting = await makeFilters('/none', undefined).setting({ ...REQUEST, seccomp });
  assert.match(JSON.stringify(setting), /"value":18446744073709551615,/);
});

test('SeccompFilters leaves a privileged container alone unless it brings a profile', async () => {
  const filters = makeFilters('/none', undefined);
  const privileged = { ...REQUEST, isPrivileged: true };
  assert.deepEqual(await filters.setting(privileged), { kind: 'unconfined' });
  assert.deepEqual(await filters.setting({ ...REQUEST, seccomp: 'unconfined' }), { kind: 'unconfined' });
  const setting = await filters.setting({ ...privileged, seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' });
  assert.equal(setting.kind, 'profile');
});

test('SeccompFilters says what is wrong with a profile', async () => {
  const compiler: SeccompCompiler = {
    version: '1',
    compile: () => Promise.reject(new Error('no such action')),
  };
  await assert.rejects(makeFilters('/none', compiler).setting(REQUEST), {
    kind: 'invalid',
    message: 'cannot use the seccomp profile: no such action',
  });
  for (const [seccomp, message] of [
    ['nonsense', /^Decoding seccomp profile failed: /],
    ['{}', /^Decoding seccomp profile failed: /],
    [
      '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}',
      /^use either 'architectures' or 'archMap'$/,
    ],
    [
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}',
      /^use either 'name' or 'names'$/,
    ],
  ] as const) {
    await assert.rejects(makeFilters('/none', compiler).setting({ ...REQUEST, seccomp }), {
      kind: 'invalid',
      message,
    });
  }
});

function makeFilters(cacheDir: string, compiler: SeccompCompiler | undefined): SeccompFilters {
  const host = { architecture: 'amd64', kernel: [6, 18] } as const;
  return new SeccompFilters({ compiler, cacheDir, host, logger: silentLogger });
}

function fakeCompiler(): SeccompCompiler & { count: number } {
  return {
    version: 'fake',
    count: 0,
    compile() {
      this.count += 1;
      return Promise.resolve(PROGRAM);
    },
  };
}

function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'quai-seccomp-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
