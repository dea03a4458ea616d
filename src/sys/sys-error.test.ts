import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isErrno, SysError } from './sys-error.ts';

test('isErrno() knows errors of system calls and of Node, also those that Node has no name for', () => {
  assert.ok(isErrno(new SysError('write', 122), 'ENOSPC', 'EDQUOT'));
  assert.ok(isErrno(Object.assign(new Error('x'), { code: 'ENOSPC', errno: -28 }), 'ENOSPC'));
  assert.ok(isErrno(Object.assign(new Error('x'), { code: 'UNKNOWN', errno: -122 }), 'EDQUOT'));
  assert.ok(!isErrno(Object.assign(new Error('x'), { code: 'UNKNOWN', errno: -4095 }), 'EDQUOT'));
  for (const error of [undefined, 'EDQUOT', new Error('EDQUOT'), { code: 122 }])
    assert.ok(!isErrno(error, 'EDQUOT'));
});

test('an errno has the name that Node gives it, and is known by each of its names', () => {
  assert.equal(new SysError('read', 11).code, 'EAGAIN');
  for (const name of ['EAGAIN', 'EWOULDBLOCK']) {
    assert.ok(isErrno(new SysError('read', 11), name));
    assert.ok(isErrno(Object.assign(new Error('x'), { code: 'EAGAIN', errno: -11 }), name));
  }
  assert.ok(isErrno(new SysError('fsetxattr', 95), 'EOPNOTSUPP'));
  assert.ok(isErrno(new SysError('fsetxattr', 95), 'ENOTSUP'));
});
