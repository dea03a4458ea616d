import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { EngineError } from '#base/errors';
import { silentLogger } from '#base/logger';
import { BackupSchedules } from './backup-schedules.ts';
import { migrated } from './fake-volume-deps.ts';
import { ScheduleTable } from './schedule-table.ts';

const DIRECTORY = tmpdir();
const HOUR_MS = 3_600_000;
const WISH = {
  cron: '0 * * * *',
  directory: DIRECTORY,
  artifact: '',
  login: {},
  keep: 3,
  pauses: false,
};

function setUp({ failing = '' } = {}) {
  const log: string[] = [];
  const clock = { now: new Date('2026-11-27T10:30:00').getTime() };
  const schedules = new BackupSchedules({
    table: new ScheduleTable(migrated()),
    backups: {
      make: async (volume, directory, options) => {
        log.push(`${volume} to ${directory} keep ${options?.keep}`);
        if (failing !== '') throw new EngineError('invalid', failing);
        return { path: '/backups/x.json', manifest: {} as never }; // only its path is looked at
      },
    },
    artifacts: {
      make: async (volume, artifact, options) => {
        log.push(`${volume} to ${artifact} as ${options?.login?.username} keep ${options?.keep}`);
        return { name: `${artifact}:x` } as never; // only its name is looked at
      },
    },
    requireVolume: name => {
      if (name === 'nope') throw new EngineError('notFound', 'get nope: no such volume');
    },
    withUsersPaused: async (volume, work) => {
      log.push(`pause users of ${volume}`);
      return await work();
    },
    logger: silentLogger,
    now: () => clock.now,
  });
  return { schedules, log, clock };
}

describe('BackupSchedules', () => {
  test('runDue() makes what is due, once, also when several were missed', async () => {
    const { schedules, log, clock } = setUp();
    schedules.add('data', WISH);
    await schedules.runDue();
    assert.deepEqual(log, []);
    clock.now += 5 * HOUR_MS;
    await schedules.runDue();
    await schedules.runDue();
    assert.deepEqual(log, [`data to ${DIRECTORY} keep 3`]);
    assert.equal(schedules.list('data')[0]?.lastRunAt, clock.now);
    clock.now += HOUR_MS;
    await schedules.runDue();
    assert.equal(log.length, 2);
  });

  test('an artifact is made with the credentials that came with its schedule', async () => {
    const { schedules, log, clock } = setUp();
    const login = { username: 'ann', password: 'secret' };
    schedules.add('data', { ...WISH, directory: '', artifact: 'reg.example.com/backups/data', login });
    clock.now += HOUR_MS;
    await schedules.runDue();
    assert.deepEqual(log, ['data to reg.example.com/backups/data as ann keep 3']);
  });

  test('add() refuses an artifact that no backup can be: a digest, a tag of which several are to be kept', () => {
    const { schedules } = setUp();
    const add = (artifact: string, keep = 0) =>
      schedules.add('data', { ...WISH, directory: '', artifact, keep });
    assert.throws(() => add(`reg.example.com/a@sha256:${'0'.repeat(64)}`), { kind: 'invalid' });
    assert.throws(() => add('reg.example.com/a:daily', 2), { kind: 'invalid', message: /has a tag/ });
    assert.throws(() => add('reg.example.com/A'), { kind: 'invalid', message: /must be lowercase/ });
    assert.throws(() => schedules.add('data', { ...WISH, artifact: 'reg.example.com/a' }), {
      kind: 'invalid',
    });
    add('reg.example.com/a:daily');
  });

  test('listAll() has those of all volumes', () => {
    const { schedules } = setUp();
    schedules.add('data', WISH);
    schedules.add('other', WISH);
    assert.deepEqual(
      schedules
        .listAll()
        .map(({ volume }) => volume)
        .toSorted(),
      ['data', 'other'],
    );
  });

  test('runDue() pauses users when asked to, and notes why a backup failed', async () => {
    const { schedules, log, clock } = setUp({ failing: 'disk gone' });
    schedules.add('data', { ...WISH, keep: 0, pauses: true });
    clock.now += HOUR_MS;
    await schedules.runDue();
    assert.deepEqual(log, ['pause users of data', `data to ${DIRECTORY} keep undefined`]);
    assert.equal(schedules.list('data')[0]?.lastError, 'disk gone');
    await schedules.runDue(); // not before it is due again
    assert.equal(log.length, 2);
  });

  test('add() refuses what is never due, no schedule, no path, no directory, an unknown volume and too many', () => {
    const { schedules } = setUp();
    for (const [volume, change, kind] of [
      ['data', { cron: '0 0 30 2 *' }, 'invalid'],
      ['data', { cron: 'often' }, 'invalid'],
      ['data', { directory: 'backups' }, 'invalid'],
      ['data', { directory: `${DIRECTORY}/nope/nope` }, 'invalid'],
      ['nope', {}, 'notFound'],
    ] as const) {
      assert.throws(() => schedules.add(volume, { ...WISH, ...change }), { kind });
    }
    for (let count = 0; count < 20; count += 1) schedules.add('data', WISH);
    assert.throws(() => schedules.add('data', WISH), { kind: 'invalid', message: /20 schedules already/ });
  });

  test('remove() takes one away, and says when there is none', () => {
    const { schedules } = setUp();
    const { id } = schedules.add('data', WISH);
    schedules.add('other', WISH);
    assert.throws(() => schedules.remove(id, 'other'), { kind: 'notFound' });
    schedules.remove(id, 'data');
    assert.deepEqual(schedules.list('data'), []);
    const [other] = schedules.list('other');
    schedules.remove(other?.id ?? '');
    assert.deepEqual(schedules.listAll(), []);
    assert.throws(() => schedules.remove(id), { kind: 'notFound', message: `there is no schedule "${id}"` });
  });

  test('close() ends it, also before it was started', async () => {
    const { schedules } = setUp();
    schedules.start();
    await schedules.close();
  });
});
