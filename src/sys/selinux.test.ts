import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { relabelTree, type SelinuxProbe, selinuxFileContext } from './selinux.ts';

function host(files: Readonly<Record<string, string>>): SelinuxProbe {
  return {
    exists: path => path in files,
    read: path => {
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT: ${path}`);
      return text;
    },
  };
}

describe('SELinux', () => {
  test('the label of files of containers is that of the policy in use', () => {
    const fedora = {
      '/sys/fs/selinux/enforce': '1',
      '/etc/selinux/config': '# comment\nSELINUX=enforcing\nSELINUXTYPE=mls\n',
      '/etc/selinux/mls/contexts/lxc_contexts':
        'process = "system_u:system_r:container_t:s0"\nfile = "system_u:object_r:svirt_file_t:s0"\n',
    };
    assert.equal(selinuxFileContext(host(fedora)), 'system_u:object_r:svirt_file_t:s0');
    assert.equal(
      selinuxFileContext(host({ '/sys/fs/selinux/enforce': '0' })),
      'system_u:object_r:container_file_t:s0',
    );
  });

  test('without SELinux there is none', () => {
    assert.equal(selinuxFileContext(host({ '/etc/selinux/config': 'SELINUXTYPE=targeted' })), undefined);
  });

  test('directories of the host are protected, however they are written', () => {
    for (const path of [
      '/',
      '/etc',
      '/etc/',
      '/usr',
      '/home',
      '//usr',
      '/usr/../usr',
      '/proc/self/root/etc',
      '/tmp',
    ]) {
      assert.equal(relabelTree(path, 'canary'), 'protected', path);
    }
  });
});
