import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlagSet } from './command.ts';
import { parseFlags } from './flag-parser.ts';

const flags = {
  detach: { type: 'bool', short: 'd', help: '' },
  env: { type: 'list', short: 'e', help: '' },
  interactive: { type: 'bool', short: 'i', help: '' },
  memory: { type: 'bytes', short: 'm', help: '' },
  network: { type: 'list', help: '' },
  publish: { type: 'list', short: 'p', help: '' },
  rm: { type: 'bool', help: '' },
  'sig-proxy': { type: 'bool', on: true, help: '' },
  subnet: { type: 'strings', help: '' },
  tail: { type: 'string', short: 'n', help: '' },
  timeout: { type: 'int', short: 't', help: '' },
  volume: { type: 'list', short: 'v', help: '' },
  'volumes-from': { type: 'list', help: '' },
} as const satisfies FlagSet;

async function parse(line: string, stopsAtArgument?: true) {
  const words = line.split(' ').filter(word => word !== '');
  return parseFlags(words, { flags, ...(stopsAtArgument ? { stopsAtArgument } : {}) });
}

test('values come as --flag=value, --flag value, -f value, -fvalue and -f=value', async () => {
  const { flags: values } = await parse('--env=A=1 --env B=2 -e C=3 -eD=4 -e=E=5 -p80:80 --memory 1g');
  assert.deepEqual(values.env, ['A=1', 'B=2', 'C=3', 'D=4', 'E=5']);
  assert.deepEqual(values.publish, ['80:80']);
  assert.equal(values.memory, 1024 ** 3);
});

test('short flags combine, the last one with its value', async () => {
  const { flags: values } = await parse('-idp 80:80');
  assert.deepEqual([values.interactive, values.detach, values.publish], [true, true, ['80:80']]);
});

test('booleans take a value only with =', async () => {
  const { flags: values, args } = await parse('--rm=false --sig-proxy=0 -d=true false');
  assert.deepEqual([values.rm, values['sig-proxy'], values.detach], [false, false, true]);
  assert.deepEqual(args, ['false']);
});

test('what is not given has the empty value of its type, and is not in given', async () => {
  const { flags: values, given } = await parse('--tail=');
  assert.deepEqual(
    [values.rm, values['sig-proxy'], values.env, values.memory, values.timeout],
    [false, true, [], undefined, undefined],
  );
  assert.deepEqual([...given], ['tail']);
});

test('flags and arguments mix, except for commands that hand the rest on', async () => {
  assert.deepEqual((await parse('a -d b')).args, ['a', 'b']);
  const { args, given } = await parse('--rm image -d --env x -- y', true);
  assert.deepEqual(args, ['image', '-d', '--env', 'x', '--', 'y']);
  assert.deepEqual([...given], ['rm']);
});

test('-- ends the flags, and a single dash is an argument', async () => {
  assert.deepEqual((await parse('- -d -- -e x')).args, ['-', '-e', 'x']);
});

test('lists keep commas where a value may contain them, and split them where it may not', async () => {
  const { flags: values } = await parse('-e A=1,2 --subnet 10.0.0.0/8,fd00::/64');
  assert.deepEqual(values.env, ['A=1,2']);
  assert.deepEqual(values.subnet, ['10.0.0.0/8', 'fd00::/64']);
});

test('--help and -h are noticed and end the reading', async () => {
  for (const word of ['--help', '-h']) {
    const { given } = await parse(`${word} --nonsense`);
    assert.ok(given.has('help'));
  }
});

for (const [line, message, hint] of [
  ['--nope', 'unknown option: --nope', undefined],
  ['-z', 'unknown option: -z in -z', undefined],
  ['-dz', 'unknown option: -z in -dz', undefined],
  ['--volume-from x', 'unknown option: --volume-from', 'did you mean --volumes-from?'],
  ['--volume-from=x', 'unknown option: --volume-from', 'did you mean --volumes-from=x?'],
  ['--netwrok x', 'unknown option: --netwrok', 'did you mean --network?'],
  ['-network x', 'unknown option: -network', 'did you mean --network? Long options take two dashes.'],
  ['-volume x', 'unknown option: -volume', 'did you mean --volume? Long options take two dashes.'],
  ['–rm', 'unknown option: –rm', 'it starts with "–", which is not the "-" of the keyboard; write --rm'],
  [
    '—env A=1',
    'unknown option: —env',
    'it starts with "—", which is not the "-" of the keyboard; write --env',
  ],
  ['–d', 'unknown option: –d', 'it starts with "–", which is not the "-" of the keyboard; write -d'],
  ['--foo=“x”', 'unknown option: --foo', 'write plain quotes: --foo="x"'],
  ['--env', 'flag needs an argument: --env', undefined],
  ['-de', "flag needs an argument: 'e' in -de", undefined],
  [
    '-m 1x',
    'invalid argument "1x" for "-m, --memory" flag: invalid size: \'1x\': sizes look like 512m or 2g',
    undefined,
  ],
  [
    '--rm=maybe',
    'invalid argument "maybe" for "--rm" flag: parsing "maybe": must be true or false',
    undefined,
  ],
  [
    '-t soon',
    'invalid argument "soon" for "-t, --timeout" flag: parsing "soon": must be a whole number',
    undefined,
  ],
] as const) {
  test(`"${line}" is refused: ${hint ?? message}`, async () => {
    await assert.rejects(parse(line), { name: 'UsageError', message, hint });
  });
}

test('a name that every object has is not a flag', async () => {
  await assert.rejects(parse('--constructor x'), { message: 'unknown option: --constructor' });
});
