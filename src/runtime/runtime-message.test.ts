import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startError } from './runtime-message.ts';

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';

/** What crun 1.8.1 and 1.21, runc 1.1.5 and 1.1.15 printed, and what Docker makes of it. */
const FIXTURES = [
  {
    says: 'executable file `nosuch` not found in $PATH: No such file or directory\n',
    executable: 'nosuch',
    exitCode: 127,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH: unknown',
  },
  {
    says: 'executable file `/nosuch` not found in $PATH: No such file or directory\n',
    executable: '/nosuch',
    exitCode: 127,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "/nosuch": stat /nosuch: no such file or directory: unknown',
  },
  {
    says: 'open executable: Permission denied\n',
    executable: '/etc/passwd',
    exitCode: 126,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "/etc/passwd": permission denied: unknown',
  },
  {
    says: 'open executable: Operation not permitted\n',
    executable: '/tmp',
    exitCode: 126,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "/tmp": is a directory: unknown',
  },
  {
    says: 'time="2026-11-21T08:37:22Z" level=error msg="runc create failed: unable to start container process: exec: \\"nosuch\\": executable file not found in $PATH"\n',
    executable: 'nosuch',
    exitCode: 127,
    message:
      'runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
  },
  {
    says: 'time="t" level=warning msg="signal: killed"\ntime="t" level=error msg="runc create failed: unable to start container process: exec: \\"/tmp\\": permission denied"\n',
    executable: '/tmp',
    exitCode: 126,
    message:
      'runc create failed: unable to start container process: exec: "/tmp": permission denied: unknown',
  },
  {
    says: 'open executable: Permission denied\n',
    executable: 'motd',
    exitCode: 127,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "motd": executable file not found in $PATH: unknown',
  },
  {
    says: 'executable file `/./nosuch` not found: No such file or directory\n',
    executable: './nosuch',
    exitCode: 127,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "./nosuch": stat ./nosuch: no such file or directory: unknown',
  },
  {
    says: 'the path `/etc/motd` exists but it is not executable: Operation not permitted\n',
    executable: '/etc/motd',
    exitCode: 126,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "/etc/motd": permission denied: unknown',
  },
  {
    says: 'the path `/tmp` is not a regular file: Operation not permitted\n',
    executable: '/tmp',
    exitCode: 126,
    message:
      'runc create failed: unable to start container process: error during container init: exec: "/tmp": is a directory: unknown',
  },
  {
    says: 'mount `/etc/passwd` to `tmp`: Not a directory\n',
    executable: 'sh',
    exitCode: 127,
    message:
      'crun: mount `/etc/passwd` to `tmp`: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type',
  },
  {
    says: 'cannot set memory limit\n',
    executable: 'sh',
    exitCode: 128,
    message: 'crun: cannot set memory limit: unknown',
  },
  {
    says: '',
    executable: 'sh',
    exitCode: 128,
    message: 'crun create failed: it ended without a message: unknown',
  },
] as const;

for (const { says, executable, exitCode, message } of FIXTURES) {
  test(`startError() gives ${exitCode} for ${JSON.stringify(says.slice(0, 60))}`, () => {
    const error = startError(says, { runtime: 'crun', operation: 'create', executable });
    assert.equal(error.message, CREATE + message);
    assert.equal(error.exitCode, exitCode);
    assert.equal(error.kind, exitCode === 128 ? 'internal' : 'invalid');
  });
}

test('startError() words a failed exec as Docker does', () => {
  const says = 'executable file `nosuch` not found in $PATH: No such file or directory\n';
  const error = startError(says, { runtime: 'crun', operation: 'exec', executable: 'nosuch' });
  assert.equal(error.exitCode, 127);
  assert.equal(
    error.message,
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
  );
});
