import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ContainerRecord, ContainerRecords } from './container-records.ts';

function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'quai-records-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const RECORD: ContainerRecord = {
  id: 'abc',
  bundle: '/run/c/abc',
  runtime: 'crun',
  cgroupsPath: '/quai/abc',
  closesStdin: false,
  isOver: false,
};

test('records are there for the next engine, as they were put last', () => {
  using folder = temporaryFolder();
  const records = new ContainerRecords(folder.path);
  records.put(RECORD);
  records.put({ ...RECORD, process: { pid: 1, startTicks: 2 } });
  records.put({ ...RECORD, id: 'def', bundle: '/run/c/def' });
  const next = new ContainerRecords(folder.path);
  assert.deepEqual(next.find('abc'), { ...RECORD, process: { pid: 1, startTicks: 2 } });
  assert.equal(next.findByBundle('/run/c/def')?.id, 'def');
  assert.deepEqual(
    next
      .list()
      .map(({ id }) => id)
      .toSorted(),
    ['abc', 'def'],
  );
});

test('a record that was cut while it was written does not hide the one before', () => {
  using folder = temporaryFolder();
  new ContainerRecords(folder.path).put(RECORD);
  appendFileSync(join(folder.path, 'abc'), '\n{"id":"abc","bun');
  const next = new ContainerRecords(folder.path);
  assert.deepEqual(next.find('abc'), RECORD);
  next.put({ ...RECORD, isOver: true });
  assert.equal(new ContainerRecords(folder.path).find('abc')?.isOver, true);
});

test('a file that is no record is not one', () => {
  using folder = temporaryFolder();
  appendFileSync(join(folder.path, 'abc'), '{"id":1}\n');
  appendFileSync(join(folder.path, 'def'), '');
  assert.deepEqual(new ContainerRecords(folder.path).list(), []);
});

test('a removed record leaves no file', () => {
  using folder = temporaryFolder();
  const records = new ContainerRecords(folder.path);
  records.put(RECORD);
  records.remove('abc');
  records.remove('abc');
  assert.equal(records.find('abc'), undefined);
  assert.deepEqual(readdirSync(folder.path), []);
});
