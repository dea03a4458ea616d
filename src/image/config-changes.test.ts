import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyChanges } from './config-changes.ts';

test('applyChanges() understands every instruction docker import takes', () => {
  const config = applyChanges([
    'CMD ["a", "b"]',
    'entrypoint echo hi',
    'ENV A=1 B="x y" C=\'z\' D=a\\ b',
    'ENV A=2',
    'ENV OLD form with blanks',
    'EXPOSE 80 53/udp 9000-9001/TCP',
    'LABEL one=1 "two words"=2',
    'ONBUILD RUN x',
    'STOPSIGNAL SIGINT',
    'USER 7:8',
    'VOLUME ["/a b"]',
    'VOLUME /c /d',
    'WORKDIR /srv',
    'WORKDIR sub',
    'HEALTHCHECK NONE',
    '# a comment',
    '',
  ]);
  assert.deepEqual(config, {
    Cmd: ['a', 'b'],
    Entrypoint: ['/bin/sh', '-c', 'echo hi'],
    Env: ['B=x y', 'C=z', 'D=a b', 'A=2', 'OLD=form with blanks'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {}, '9000-9001/tcp': {} },
    Labels: { one: '1', 'two words': '2' },
    OnBuild: ['RUN x'],
    StopSignal: 'SIGINT',
    User: '7:8',
    Volumes: { '/a b': {}, '/c': {}, '/d': {} },
    WorkingDir: '/srv/sub',
    Healthcheck: { Test: ['NONE'] },
  });
});

test('applyChanges() takes several lines in one change, and leaves the given configuration alone', () => {
  const before = { Env: ['A=1'] };
  assert.deepEqual(applyChanges(['ENV B=2\nUSER x'], before), { Env: ['A=1', 'B=2'], User: 'x' });
  assert.deepEqual(before, { Env: ['A=1'] });
});

for (const [change, message] of [
  ['RUN x', 'run is not a valid change command'],
  ['constructor x', 'constructor is not a valid change command'],
  ['CMD', 'CMD requires at least one argument'],
  ['ENV A', 'ENV must have two arguments'],
  ['LABEL a=1 b', /can't find = in "b"/],
  ['EXPOSE x', 'invalid containerPort: x'],
  ['USER a b', 'USER requires exactly one argument'],
  ['HEALTHCHECK CMD x', /only HEALTHCHECK NONE/],
] as const) {
  test(`applyChanges() refuses ${change}`, () => {
    assert.throws(() => applyChanges([change]), { kind: 'invalid', message });
  });
}
