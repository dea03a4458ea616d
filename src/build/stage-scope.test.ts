import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArgInstruction } from '#spec/dockerfile/instructions';
import { parseTrigger } from '#spec/dockerfile/parse-dockerfile';
import { type BuildArguments, globalArguments, StageScope } from './stage-scope.ts';

const arg = (text: string): ArgInstruction => parseTrigger(`ARG ${text}`) as ArgInstruction; // what it is then

function argumentsOf(given: Record<string, string | null>, globals: readonly string[] = []): BuildArguments {
  const open = {
    given: new Map(Object.entries(given)),
    platform: { TARGETARCH: 'amd64' },
    used: new Set<string>(),
  };
  return { ...open, global: globalArguments(globals.map(arg), open, '\\') };
}

function pairs(args: BuildArguments, lines: readonly string[], env: readonly string[] = []): string[] {
  const scope = new StageScope(args, '\\', env);
  for (const line of lines) scope.declare(arg(line));
  return scope.argumentPairs();
}

test('ARG: what the request says goes before the default, that before the global one', () => {
  const args = argumentsOf({ A: 'given', B: null }, ['A=global', 'G=global', 'B=global']);
  assert.deepEqual(pairs(args, ['A=own', 'B=own', 'G', 'NONE', 'TARGETARCH', 'C=$A$G']), [
    'A=given',
    'B=own',
    'C=givenglobal',
    'G=global',
    'TARGETARCH=amd64',
  ]);
  assert.deepEqual([...args.used].toSorted(), ['A', 'B']);
});

test('ARG is not seen before its line, nor without one', () => {
  const args = argumentsOf({ A: 'given' }, ['G=1']);
  const scope = new StageScope(args, '\\', []);
  assert.equal(scope.expand('[$A$G$TARGETARCH]'), '[]');
  scope.declare(arg('A'));
  assert.equal(scope.expand('[$A$G]'), '[given]');
});

test('ENV goes before ARG', () => {
  assert.deepEqual(pairs(argumentsOf({ A: 'given' }), ['A', 'B=1'], ['A=env']), ['B=1']);
});

test('a stage made from another knows its arguments', () => {
  const scope = new StageScope(argumentsOf({}), '\\', []);
  scope.declare(arg('A=1'));
  assert.equal(scope.inherited(['E=2']).expand('$A$E'), '12');
});

test('proxies are seen by RUN, and are no arguments that count', () => {
  const scope = new StageScope(argumentsOf({ HTTP_PROXY: 'http://p', no_proxy: 'x', OTHER: '1' }), '\\', []);
  assert.deepEqual(scope.proxyPairs(), ['HTTP_PROXY=http://p', 'no_proxy=x']);
  assert.deepEqual(scope.argumentPairs(), []);
});
