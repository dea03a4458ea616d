import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandWord, expandWords, type Variables } from '#spec/dockerfile/expand-word';
import { parseTrigger } from '#spec/dockerfile/parse-dockerfile';
import { changeConfig, type MetadataInstruction, withEnv, workingDirectory } from './config-change.ts';
import type { WrittenConfig } from './written-config.ts';

function changed(lines: readonly string[], config: WrittenConfig = {}) {
  const seen = { hasCommand: false };
  let state = config;
  const told: string[] = [];
  for (const line of lines) {
    const variables: Variables = name =>
      state.Env?.findLast(pair => pair.startsWith(`${name}=`))?.slice(name.length + 1);
    const scope = {
      expand: (word: string) => expandWord(word, variables),
      expandAll: (word: string) => expandWords(word, variables),
    };
    // Only such lines are given.
    const change = changeConfig(state, parseTrigger(line) as MetadataInstruction, { scope, seen });
    state = change.config;
    told.push(change.createdBy);
  }
  return { config: state, told };
}

test('ENV replaces in its place, and sees what the lines before have set', () => {
  const { config, told } = changed(['ENV A=1 B=2', 'ENV A=$B C="$A x"'], { Env: ['PATH=/bin'] });
  assert.deepEqual(config.Env, ['PATH=/bin', 'A=2', 'B=2', 'C=1 x']);
  assert.deepEqual(told, ['ENV A=1 B=2', 'ENV A=2 C=1 x']);
});

test('ENTRYPOINT takes away the CMD of the base image, not one of this Dockerfile', () => {
  assert.deepEqual(changed(['ENTRYPOINT ["e"]'], { Cmd: ['base'] }).config, { Entrypoint: ['e'] });
  const own = changed(['CMD ["own"]', 'ENTRYPOINT ["e"]'], { Cmd: ['base'] }).config;
  assert.deepEqual(own, { Cmd: ['own'], Entrypoint: ['e'] });
});

test('shell forms take the SHELL of that line', () => {
  const { config } = changed(['CMD a', 'SHELL ["/bin/bash", "-ec"]', 'ENTRYPOINT b', 'HEALTHCHECK CMD c']);
  assert.deepEqual(config.Cmd, ['/bin/sh', '-c', 'a']);
  assert.deepEqual(config.Entrypoint, ['/bin/bash', '-ec', 'b']);
  assert.deepEqual(config.Healthcheck, { Test: ['CMD', '/bin/bash', '-ec', 'c'] });
});

test('HEALTHCHECK NONE is kept as what it is', () => {
  assert.deepEqual(changed(['HEALTHCHECK NONE']).config.Healthcheck, { Test: ['NONE'] });
});

test('EXPOSE and VOLUME add', () => {
  const { config, told } = changed(['EXPOSE 80 9000-9001/UDP', 'EXPOSE 80/tcp', 'VOLUME ["/a", "/b"]']);
  assert.deepEqual(Object.keys(config.ExposedPorts ?? {}), ['80/tcp', '9000/udp', '9001/udp']);
  assert.deepEqual(Object.keys(config.Volumes ?? {}), ['/a', '/b']);
  assert.equal(told[2], 'VOLUME [/a /b]');
});

for (const port of ['0', '70000', '5-4', 'x', '80/icmp']) {
  test(`EXPOSE ${port} is refused`, () => {
    assert.throws(() => changed([`EXPOSE ${port}`]), {
      kind: 'invalid',
      message: `invalid containerPort: ${port}`,
    });
  });
}

test('STOPSIGNAL is a signal, also by a variable', () => {
  const { config } = changed(['ENV S=QUIT', 'STOPSIGNAL SIG$S']);
  assert.equal(config.StopSignal, 'SIGQUIT');
  for (const line of ['STOPSIGNAL SIGFOO', 'STOPSIGNAL $NONE', 'STOPSIGNAL 99'])
    assert.throws(
      () => changed([line]),
      { kind: 'invalid', message: /^invalid signal: (?:SIGFOO|99|)$/ },
      line,
    );
});

test('withEnv() refuses what no environment can hold', () => {
  assert.throws(() => withEnv([], [`A=${'x'.repeat(200_000)}`]), { kind: 'invalid' });
  assert.throws(() => withEnv([], ['A=\0']), { kind: 'invalid' });
});

test('workingDirectory() goes on from where it was', () => {
  assert.equal(workingDirectory(undefined, 'a'), '/a');
  assert.equal(workingDirectory('/a', '../b/./c'), '/b/c');
  assert.equal(workingDirectory('/a', '/x/'), '/x');
});
