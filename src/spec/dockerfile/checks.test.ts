import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from './parse-dockerfile.ts';
import { undefinedVariable, variablesIn } from './stage-checks.ts';

function warnings(text: string): string[] {
  return parseDockerfile(text).warnings.map(({ rule, message, line }) => `${line} ${rule}: ${message}`);
}

for (const [text, expected] of [
  ['FROM a\nCMD ["x"]', []],
  [
    'FROM a\nCMD x',
    [
      '2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
    ],
  ],
  [
    "FROM a\nCMD ['x']",
    [
      '2 MalformedJSONArgs: Arguments of CMD look like JSON and are not: it is run by the shell; strings want double quotes, and no comma after the last',
    ],
  ],
  [
    'FROM a\nRUN [“x”, “y”]',
    [
      '2 MalformedJSONArgs: Arguments of RUN look like JSON and are not: it is run by the shell; strings want double quotes, and no comma after the last',
    ],
  ],
  ['FROM a\nRUN [ -f x ] || [ "$Y" = "z" ]', []],
  [
    'FROM a\nENV A b c',
    ['2 LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format'],
  ],
  [
    'FROM a\nARG API_TOKEN\nENV PUBLIC_KEY=1 PASSWORD=2 MONKEY=3',
    [
      '2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN")',
      '3 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "PASSWORD")',
    ],
  ],
  [
    'FROM a as Build\nFROM b AS build\nFROM c AS scratch',
    [
      "1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
      "1 StageNameCasing: Stage name 'Build' should be lowercase",
      '2 DuplicateStageName: Duplicate stage name "build", stage names should be unique',
      '3 ReservedStageName: Stage name should not use the same name as reserved stage "scratch"',
    ],
  ],
  [
    'FROM a\nrun x\nRUN y',
    [
      "2 ConsistentInstructionCasing: Command 'run' should match the case of the command majority (uppercase)",
    ],
  ],
  [
    'FROM a\nWORKDIR sub\nWORKDIR /x',
    ['2 WorkdirRelativePath: Relative workdir "sub" can have unexpected results if the base image changes'],
  ],
  ['FROM a\nWORKDIR $HOME/x\nWORKDIR sub', []],
  [
    'FROM a\nMAINTAINER me',
    ['2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label'],
  ],
  [
    'FROM a\nCMD ["1"]\nCMD ["2"]',
    [
      '2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used',
    ],
  ],
  [
    'ARG VERSION\nFROM a:$VERSON\nFROM b:${X:-1}',
    ["2 UndefinedArgInFrom: FROM argument 'VERSON' is not declared (did you mean VERSION?)"],
  ],
  [
    'ARG TAG\nFROM a:$TAG',
    ['2 InvalidDefaultArgInFrom: Default value for ARG a:$TAG results in empty or invalid base image name'],
  ],
  ['ARG TAG=1\nFROM --platform=$BUILDPLATFORM a:$TAG', []],
  [
    'FROM --platform=linux/amd64 a\nFROM --platform=$TARGETPLATFORM b',
    [
      '1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/amd64"',
      '2 RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    ],
  ],
  ['FROM a\nCOPY $X /', []],
  [
    'FROM a\nEXPOSE 80/TCP 127.0.0.1:80:80',
    [
      "2 ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
      "2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    ],
  ],
  ['# check=skip=JSONArgsRecommended,Other\nFROM a\nCMD x', []],
  ['# syntax=docker/dockerfile:1.7\nFROM a', []],
  [
    '# syntax=example.com/frontend\nFROM a',
    ['1 UnknownSyntax: syntax "example.com/frontend" is not followed: the file is read as a Dockerfile'],
  ],
  ['# check=skip=all\nFROM a\nCMD x\nMAINTAINER y', []],
] as const) {
  test(`warnings of ${JSON.stringify(text)}`, () => {
    assert.deepEqual(warnings(text), expected);
  });
}

test('variables that an instruction needs, and what is said of one that is not there', () => {
  const [stage] = parseDockerfile("FROM a\nCOPY $FO ${BAR:-x} '$NO' /$HOME\nRUN $shell").stages;
  const [copy, run] = stage?.instructions ?? [];
  assert.deepEqual(copy && variablesIn(copy), ['FO', 'HOME']);
  assert.deepEqual(run && variablesIn(run), []);
  assert.deepEqual(undefinedVariable('FO', ['FOO', 'PATH'], 3), {
    rule: 'UndefinedVar',
    message: "Usage of undefined variable '$FO' (did you mean $FOO?)",
    line: 3,
  });
});

test('a file may want its warnings to be errors', () => {
  assert.throws(() => parseDockerfile('# check=error=true\nFROM a\nCMD x\nMAINTAINER y'), {
    kind: 'invalid',
    message:
      /^lint violation found for rules: JSONArgsRecommended, MaintainerDeprecated: line 3: .+; line 4: .+$/,
  });
});
