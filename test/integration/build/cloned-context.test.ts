import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { gitMissing, startGitServer } from '../../support/git-server.ts';

const skip = cannotRunContainers || gitMissing;

test('quai build git@host:path clones with the keys of the user, whom the engine does not know', {
  skip,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  await using server = await startGitServer();
  const folder = mkdtempSync(join(tmpdir(), 'quai-ssh-'));
  // What stands in for ssh(1): it is on the host already, and runs what it is asked to.
  const ssh = join(folder, 'ssh');
  writeFileSync(ssh, '#!/bin/sh\n[ "$1" = git@example.test ] || exit 255\nexec sh -c "$2"\n');
  chmodSync(ssh, 0o755);
  const temporary = join(folder, 'tmp');
  const env = {
    GIT_SSH: ssh,
    GIT_SSH_VARIANT: 'simple',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
    TMPDIR: temporary,
  };
  try {
    mkdirSync(temporary);
    const repository = server.repository('app');
    const first = repository.commit({
      Dockerfile: 'FROM busybox\nCOPY word /said\n',
      word: 'root',
      'deep/My.Dockerfile': 'FROM busybox\nCOPY . /all\nRUN cp /all/word /said && test ! -e /all/secret\n',
      'deep/word': 'deep',
      'deep/secret': 'x',
      'deep/.dockerignore': 'secret\n',
      out: '-> /etc',
    });
    repository.commit({ word: 'later' });
    const address = `git@example.test:${server.served}/app.git`;
    const build = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await daemon.quai(['build', '-t', 'cloned', ...args], { env });
      assert.deepEqual(readdirSync(temporary), [], 'nothing is left of the clone');
      return code === 0 ? (await runIn(daemon, 'cloned', 'cat', '/said')).trim() : stderr;
    };
    assert.equal(await build(address), 'later');
    assert.equal(await build(`${address}#${first}`), 'root');
    assert.equal(await build('-f', 'My.Dockerfile', `${address}#main:deep`), 'deep');
    assert.match(await build(`${address}#main:out`), /"out" is not a folder of the repository/);
    assert.match(
      await build(`${address}#nosuch`),
      /cannot clone git@example\.test:.*couldn't find remote ref nosuch/,
    );
    assert.match(
      await build('git@elsewhere.test:x.git'),
      /unable to prepare context: cannot clone git@elsewhere\.test:x\.git/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
