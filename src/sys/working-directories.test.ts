import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkingDirectories } from './working-directories.ts';

test('processesIn() finds this process where it is, and nobody elsewhere', () => {
  const directories = new WorkingDirectories();
  const pids = directories.processesIn(process.cwd()).map(({ pid }) => pid);
  assert.ok(pids.includes(process.pid), `${process.pid} is not among ${pids.join(' ')}`);
  assert.deepEqual(directories.processesIn('/nowhere/at/all'), []);
});
