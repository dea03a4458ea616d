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
    Env: ['A=2', 'B=x y', 'C=z', 'D=a b', 'OLD=form with blanks'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {}, '9000/tcp': {}, '9001/tcp': {} },
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

test('applyChanges() puts in variables of the configuration, where a Dockerfile does', () => {
  const before = { Env: ['PATH=/bin', 'HOME=/root'], Shell: ['/bin/ash', '-ec'], Cmd: ['old'] };
  const changes = [
    'ENV PATH=$PATH:/opt OTHER="${NONE:-x}" PLAIN=\'$PATH\'',
    'ENV LAST $OTHER and $HOME',
    'WORKDIR $HOME/sub',
    'LABEL home=$HOME',
    'ENTRYPOINT echo $HOME',
  ];
  assert.deepEqual(applyChanges(changes, before), {
    Env: ['PATH=/bin:/opt', 'HOME=/root', 'OTHER=x', 'PLAIN=$PATH', 'LAST=x and /root'],
    Shell: ['/bin/ash', '-ec'],
    WorkingDir: '/root/sub',
    Labels: { home: '/root' },
    Entrypoint: ['/bin/ash', '-ec', 'echo $HOME'],
  });
});

test('applyChanges() drops the command with its entrypoint, unless it is given too', () => {
  const before = { Cmd: ['old'], Entrypoint: ['e'] };
  assert.deepEqual(applyChanges(['ENTRYPOINT ["n"]'], before), { Entrypoint: ['n'] });
  assert.deepEqual(applyChanges(['CMD ["c"]', 'ENTRYPOINT ["n"]'], before), {
    Entrypoint: ['n'],
    Cmd: ['c'],
  });
  assert.deepEqual(applyChanges(['CMD ["c"]'], before), { Entrypoint: ['e'], Cmd: ['c'] });
});

test('applyChanges() reads a health check with its options', () => {
  const changes = ['HEALTHCHECK --interval=5s --timeout=1m30s --retries=3 --start-period=0 CMD ["a", "b"]'];
  assert.deepEqual(applyChanges(changes).Healthcheck, {
    Test: ['CMD', 'a', 'b'],
    Interval: 5e9,
    Timeout: 90e9,
    Retries: 3,
  });
  assert.deepEqual(applyChanges(['healthcheck cmd a || b']).Healthcheck, { Test: ['CMD-SHELL', 'a || b'] });
});

for (const [change, message] of [
  ['RUN x', 'run is not a valid change command'],
  ['constructor x', 'constructor is not a valid change command'],
  ['CMD', 'CMD requires at least one argument'],
  ['ENV A', /ENV must have two arguments/],
  ['LABEL a=1 b', /can't find = in "b"/],
  ['EXPOSE x', 'invalid containerPort: x'],
  ['USER', 'USER requires exactly one argument'],
  ['STOPSIGNAL SIGFOO', 'invalid signal: SIGFOO'],
  ['HEALTHCHECK', /requires at least one argument/],
  ['HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments'],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['HEALTHCHECK curl x', 'Unknown type "curl" in HEALTHCHECK (try CMD)'],
  ['HEALTHCHECK --interval=5 CMD x', /invalid duration "5" of --interval: write it like 30s/],
  ['HEALTHCHECK --interval=-5s CMD x', 'Interval "interval" cannot be less than 1ms'],
  ['HEALTHCHECK --retries=x CMD x', /--retries wants a number of 0 or more/],
  [
    'HEALTHCHECK --often=1s CMD x',
    /it takes --interval, --timeout, --start-period, --start-interval, --retries/,
  ],
  [
    'ENV A="x',
    'failed to process "\\"x": unexpected end of statement while looking for matching double-quote',
  ],
] as const) {
  test(`applyChanges() refuses ${change}`, () => {
    assert.throws(() => applyChanges([change]), { kind: 'invalid', message });
  });
}
