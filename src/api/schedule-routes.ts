import * as v from 'valibot';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { goBody } from '#spec/docker/fold-keys';
import { flag, text, whole } from '#spec/docker/lenient';
import type { BackupSchedules } from '#volume/backup-schedules';
import type { BackupSchedule } from '#volume/schedule-table';

export type ScheduleApi = Pick<BackupSchedules, 'add' | 'list' | 'remove' | 'nextRunOf'>;

const ScheduleRequest = v.object({
  Schedule: text,
  Directory: text,
  Keep: v.pipe(whole, v.minValue(0)),
  Pause: flag,
});

/** Backups of volumes that are made by themselves. */
export function scheduleRoutes(schedules: ScheduleApi): Route[] {
  const toWire = (schedule: BackupSchedule) => scheduleToWire(schedule, schedules.nextRunOf(schedule));
  return [
    route('GET', '/quai/volumes/{name}/schedules', {}, ({ params }) =>
      reply.json({ Schedules: schedules.list(params.name).map(toWire) }),
    ),
    route('POST', '/quai/volumes/{name}/schedules', { body: goBody(ScheduleRequest) }, ({ params, body }) => {
      const { Schedule: cron, Directory: directory, Keep: keep, Pause: pauses } = body;
      return reply.created(toWire(schedules.add(params.name, { cron, directory, keep, pauses })));
    }),
    route('DELETE', '/quai/volumes/{name}/schedules/{id}', {}, ({ params }) => {
      schedules.remove(params.name, params.id);
      return reply.noContent();
    }),
  ];
}

function scheduleToWire(
  { id, volume, cron, directory, keep, pauses, lastRunAt, lastError }: BackupSchedule,
  nextRunAt: number | undefined,
) {
  return {
    ID: id,
    Volume: volume,
    Schedule: cron,
    Directory: directory,
    Keep: keep,
    Pause: pauses,
    NextRun: momentOf(nextRunAt),
    LastRun: momentOf(lastRunAt),
    LastError: lastError,
  };
}

function momentOf(ms: number | undefined): string {
  return ms === undefined ? '' : new Date(ms).toISOString();
}
