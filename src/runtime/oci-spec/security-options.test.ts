import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSecurityOptions } from './security-options.ts';

test('parseSecurityOptions() reads every option, with the old separator too', () => {
  assert.deepEqual(parseSecurityOptions([]), {
    seccomp: 'builtin',
    hasNoNewPrivileges: false,
    hasOpenSystemPaths: false,
    labels: [],
  });
  const options = [
    'no-new-privileges',
    'seccomp:unconfined',
    'apparmor=mine',
    'label=disable',
    'systempaths=unconfined',
  ];
  assert.deepEqual(parseSecurityOptions(options), {
    seccomp: 'unconfined',
    apparmor: 'mine',
    hasNoNewPrivileges: true,
    hasOpenSystemPaths: true,
    labels: ['disable'],
  });
  assert.equal(parseSecurityOptions(['no-new-privileges=false']).hasNoNewPrivileges, false);
  assert.equal(parseSecurityOptions(['seccomp={"a":"b=c"}']).seccomp, '{"a":"b=c"}');
});

test('parseSecurityOptions() refuses others in the words of Docker', () => {
  for (const [option, message] of [
    ['nonsense', 'invalid --security-opt 1: "nonsense"'],
    ['foo=bar', 'invalid --security-opt 2: "foo=bar"'],
    ['no-new-privileges=perhaps', 'invalid --security-opt 2: "no-new-privileges=perhaps"'],
    ['systempaths=some', 'invalid --security-opt 2: "systempaths=some"'],
  ] as const) {
    assert.throws(() => parseSecurityOptions([option]), { kind: 'invalid', message });
  }
});
