import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { SupervisorGroup, type SupervisorGroupDeps } from './supervisor-group.ts';

const PID = 4711;

/** Folders that look like control groups: the kernel makes the files in new ones, here they are there before. */
function host(
  context: TestContext,
  own: string,
  { version, names }: { readonly version: 1 | 2; readonly names: readonly string[] },
) {
  const folder = mkdtempSync(join(tmpdir(), 'quai-supervisors-'));
  context.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'self'));
  writeFileSync(join(folder, 'self/cgroup'), own);
  const moved = (name: string): string => join(folder, name, 'quai/supervisors/cgroup.procs');
  for (const name of names) {
    mkdirSync(join(folder, name, 'quai/supervisors'), { recursive: true });
    writeFileSync(moved(name), '');
  }
  const hierarchies = new Map(names.map(name => [name, join(folder, version === 2 ? 'systemd' : name)]));
  const deps: SupervisorGroupDeps = { cgroups: { version, hierarchies }, logger: silentLogger, proc: folder };
  return { deps, moved: (name: string) => readFileSync(moved(name), 'utf8') };
}

test('a supervisor leaves the group of the service, with version 2', async context => {
  const { deps, moved } = host(context, '0::/system.slice/quai.service\n', {
    version: 2,
    names: ['systemd'],
  });
  await new SupervisorGroup(deps).take(PID);
  assert.equal(moved('systemd'), `${PID}`);
});

test('a supervisor leaves it where the service manager looks only, with version 1', async context => {
  const own =
    '9:name=systemd:/system.slice/quai.service\n4:memory:/system.slice/quai.service\n0::/user.slice\n';
  const { deps, moved } = host(context, own, { version: 1, names: ['systemd', 'memory', 'unified'] });
  await new SupervisorGroup(deps).take(PID);
  assert.equal(moved('systemd'), `${PID}`);
  assert.equal(moved('unified'), `${PID}`);
  assert.equal(moved('memory'), '', 'groups of limits start without processors, and take nobody in');
});

test('a supervisor stays where it is when the engine is in no service', async context => {
  const { deps, moved } = host(context, '9:name=systemd:/\n4:memory:/somewhere\n0::/\n', {
    version: 1,
    names: ['systemd', 'memory', 'unified'],
  });
  await new SupervisorGroup(deps).take(PID);
  for (const name of ['systemd', 'memory', 'unified']) assert.equal(moved(name), '');
});

test('a supervisor leaves it also when another engine, that ends, removes the group meanwhile', async context => {
  const own = '0::/system.slice/quai.service\n';
  const { deps } = host(context, own, { version: 2, names: ['systemd'] });
  const written: string[] = [];
  const gone = ['ENOENT', 'ENODEV'];
  const write = async (path: string, text: string): Promise<void> => {
    const code = gone.shift();
    if (code === undefined) return void written.push(text);
    rmSync(dirname(path), { recursive: true });
    throw Object.assign(new Error(code), { code });
  };
  await new SupervisorGroup({ ...deps, write }).take(PID);
  assert.deepEqual(written, [`${PID}`]);
});
