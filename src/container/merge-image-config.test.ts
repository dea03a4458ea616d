import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import { type MergedConfig, misplacedOptionHint } from './exec-limits.ts';
import { mergeImageConfig } from './merge-image-config.ts';

function merge(request: object, image?: object): MergedConfig {
  return mergeImageConfig(v.parse(ContainerConfig, request), image && v.parse(ContainerConfig, image));
}

const IMAGE = { Entrypoint: ['entry', 'e1'], Cmd: ['cmd', 'c1'] };

const commands: readonly (readonly [string, object, object | undefined, string])[] = [
  ['the image’s', {}, IMAGE, 'entry e1 cmd c1'],
  ['a command takes the image’s place', { Cmd: ['sh', '-c', 'x'] }, IMAGE, 'entry e1 sh -c x'],
  ['an entrypoint drops the image’s command', { Entrypoint: ['own'] }, IMAGE, 'own'],
  ['both', { Entrypoint: ['own'], Cmd: ['a'] }, IMAGE, 'own a'],
  ['--entrypoint "": only the command', { Entrypoint: [''], Cmd: ['a', 'b'] }, IMAGE, 'a b'],
  ['an empty list of entrypoints: only the image’s command', { Entrypoint: [] }, IMAGE, 'cmd c1'],
  ['an empty command is none', { Cmd: [] }, IMAGE, 'entry e1 cmd c1'],
  ['an image without an entrypoint', {}, { Cmd: ['sh'] }, 'sh'],
  ['no image', { Cmd: ['a'] }, undefined, 'a'],
  ['a command as one string', { Cmd: 'a b' }, undefined, 'a b'],
];

for (const [what, request, image, expected] of commands) {
  test(`mergeImageConfig(): command, ${what}`, () => {
    const { path, args } = merge(request, image);
    assert.equal([path, ...args].join(' '), expected);
  });
}

for (const [request, image] of [
  [{}, {}],
  [{}, undefined],
  [{ Entrypoint: [''] }, IMAGE],
  [{ Entrypoint: [] }, { Entrypoint: ['x'] }],
] as const) {
  test(`mergeImageConfig() refuses ${JSON.stringify([request, image])}: nothing to run`, () => {
    assert.throws(() => merge(request, image), { kind: 'invalid', message: 'no command specified' });
  });
}

test('mergeImageConfig(): the client wins, maps are united', () => {
  const { config } = merge(
    {
      Env: ['A=own', 'GONE', 'B=own'],
      Labels: { a: 'own' },
      ExposedPorts: { '80/tcp': {}, '81/tcp': {} },
      Volumes: { '/own': {} },
      WorkingDir: '/own',
      StopTimeout: 3,
    },
    {
      Cmd: ['x'],
      Env: ['PATH=/bin', 'A=image', 'GONE=image', 'AB=image'],
      Labels: { a: 'image', b: 'image' },
      ExposedPorts: { '80/tcp': {}, '82/udp': {} },
      Volumes: { '/image': {}, '/own': {} },
      WorkingDir: '/image',
      User: 'nobody',
      StopSignal: 'SIGQUIT',
      StopTimeout: 9,
      Shell: ['/bin/bash', '-c'],
    },
  );
  assert.deepEqual(config.Env, ['A=own', 'GONE', 'B=own', 'PATH=/bin', 'AB=image']);
  assert.deepEqual(config.Labels, { a: 'own', b: 'image' });
  assert.deepEqual(config.ExposedPorts, ['80/tcp', '81/tcp', '82/udp']);
  assert.deepEqual(config.Volumes, ['/own', '/image']);
  assert.deepEqual(
    [config.WorkingDir, config.User, config.StopSignal, config.StopTimeout, config.Shell],
    ['/own', 'nobody', 'SIGQUIT', 3, ['/bin/bash', '-c']],
  );
});

const IMAGE_CHECK = {
  Test: ['CMD', 'image'],
  Interval: 1e9,
  Timeout: 2e9,
  Retries: 3,
  StartPeriod: 4e9,
  StartInterval: 5e9,
};

const healthchecks: readonly (readonly [
  string,
  object | undefined,
  object | undefined,
  object | undefined,
])[] = [
  ['none', undefined, undefined, undefined],
  ['the image’s', undefined, IMAGE_CHECK, IMAGE_CHECK],
  [
    'the client’s alone',
    { Test: ['CMD', 'own'] },
    undefined,
    { Test: ['CMD', 'own'], Interval: 0, Timeout: 0, Retries: 0, StartPeriod: 0, StartInterval: 0 },
  ],
  ['field by field', { Interval: 9e9 }, IMAGE_CHECK, { ...IMAGE_CHECK, Interval: 9e9 }],
  ['NONE stays', { Test: ['NONE'] }, IMAGE_CHECK, { ...IMAGE_CHECK, Test: ['NONE'] }],
];

for (const [what, request, image, expected] of healthchecks) {
  test(`mergeImageConfig(): health check, ${what}`, () => {
    const { config } = merge({ Healthcheck: request, Cmd: ['x'] }, { Healthcheck: image });
    assert.deepEqual(config.Healthcheck, expected);
  });
}

function limits(config: object, hostConfig: object = {}): void {
  mergeImageConfig(
    v.parse(ContainerConfig, { Cmd: ['x'], ...config }),
    undefined,
    v.parse(HostConfig, hostConfig),
  );
}

test('mergeImageConfig() lets through what Linux executes', () => {
  limits({ Env: [`A=${'x'.repeat(131_069)}`] }); // with name, sign and NUL exactly 32 pages
  limits({ Env: Array.from({ length: 15 }, (_, n) => `V${n}=${'x'.repeat(130_000)}`) });
});

const tooLarge: readonly (readonly [string, object, object, RegExp])[] = [
  [
    'one variable',
    { Env: [`BIG=${'x'.repeat(131_068)}`] },
    {},
    /^environment variable "BIG" is 131072 bytes long; .* 131071 bytes in one string/,
  ],
  [
    'one argument',
    { Cmd: ['sh', 'x'.repeat(200_000)] },
    {},
    /^argument 1 of the command is 200000 bytes long/,
  ],
  [
    'bytes count, not characters',
    { Cmd: ['é'.repeat(70_000)] },
    {},
    /^argument 0 of the command is 140000 bytes long/,
  ],
  [
    'the sum',
    { Env: Array.from({ length: 20 }, (_, n) => `V${n}=${'x'.repeat(130_000)}`) },
    {},
    /take \d+ bytes together; .* more than 2097152 here/,
  ],
  [
    'the sum, with a small stack',
    { Env: Array.from({ length: 3 }, (_, n) => `V${n}=${'x'.repeat(60_000)}`) },
    { Ulimits: [{ Name: 'stack', Soft: 4096, Hard: 4096 }] },
    /more than 131072 here/,
  ],
  [
    'many small variables',
    { Env: Array.from({ length: 150_000 }, (_, n) => `V${n}=`) },
    {},
    /bytes together/,
  ],
  ['a NUL', { Cmd: ['a\0b'] }, {}, /^argument 0 of the command contains a NUL character/],
  ['a NUL in a variable', { Env: ['A=\0'] }, {}, /^environment variable "A" contains a NUL character/],
];

for (const [what, config, hostConfig, message] of tooLarge) {
  test(`mergeImageConfig() refuses ${what}: Linux would`, () => {
    assert.throws(() => limits(config, hostConfig), { kind: 'invalid', message });
  });
}

test('a limitless stack allows the most the kernel ever does', () => {
  limits(
    { Env: Array.from({ length: 40 }, (_, n) => `V${n}=${'x'.repeat(130_000)}`) },
    { Ulimits: [{ Name: 'stack', Soft: -1, Hard: -1 }] },
  );
});

const hints: readonly (readonly [object, boolean])[] = [
  [{ Cmd: ['-e', 'A=b'] }, true],
  [{ Cmd: ['-e', 'MYSQL_ROOT_PASSWORD=root'], Entrypoint: ['docker-entrypoint.sh'] }, true],
  [{ Cmd: ['-p', '8080:80'], Entrypoint: ['x'] }, true],
  [{ Cmd: ['-v', '/a:/b:ro'], Entrypoint: ['x'] }, true],
  [{ Cmd: ['--restart=always'], Entrypoint: ['x'] }, true],
  [{ Cmd: ['--anything'] }, true],
  [{ Cmd: ['-v', 'https://example.org'], Entrypoint: ['curl'] }, false],
  [{ Cmd: ['-e', 'print 1'], Entrypoint: ['perl'] }, false],
  [{ Cmd: ['-p', '80'], Entrypoint: ['nmap'] }, false],
  [{ Cmd: ['sh', '-e', 'A=b'] }, false],
  [{ Entrypoint: ['x'] }, false],
];

for (const [request, expected] of hints) {
  test(`misplacedOptionHint() of ${JSON.stringify(request)}`, () => {
    assert.equal(misplacedOptionHint(merge(request)) !== undefined, expected);
  });
}

test('mergeImageConfig() passes over what an image calls a port and is none', () => {
  const ExposedPorts = JSON.parse(
    '{"80/tcp":{},"abc":{},"__proto__":{},"70000":{},"9-8":{},"53/udp":{}}',
  ) as object;
  const { config } = merge({ Cmd: ['x'] }, { ExposedPorts });
  assert.deepEqual(config.ExposedPorts, ['80/tcp', '53/udp']);
});

test('mergeImageConfig() refuses an image with more volumes than anybody needs', () => {
  const Volumes = Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`/v/${index}`, {}]));
  assert.throws(() => merge({ Cmd: ['x'] }, { Volumes }), { kind: 'invalid', message: /501 volumes/ });
});
