import * as v from 'valibot';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { goBody } from '#spec/docker/fold-keys';
import { flag, text, whole } from '#spec/docker/lenient';
import type { BackupSchedules } from '#volume/backup-schedules';
import type { BackupSchedule } from '#volume/schedule-table';
import { sentCredentials } from './registry-credentials.ts';

export type ScheduleApi = Pick<BackupSchedules, 'add' | 'list' | 'listAll' | 'remove' | 'nextRunOf'>;

const ScheduleRequest = v.object({
  Schedule: text,
  Directory: text,
  /** `host/repository[:tag]`, instead; with what the header says of who asks */
  Artifact: text,
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
    route('GET', '/quai/volume-schedules', {}, () =>
      reply.json({ Schedules: schedules.listAll().map(toWire) }),
    ),
    route(
      'POST',
      '/quai/volumes/{name}/schedules',
      { body: goBody(ScheduleRequest) },
      ({ params, body, headers }) => {
        const { Schedule: cron, Directory: directory, Artifact: artifact, Keep: keep, Pause: pauses } = body;
        const login = artifact === '' ? {} : sentCredentials(headers);
        const wish = { cron, directory, artifact, login, keep, pauses };
        return reply.created(toWire(schedules.add(params.name, wish)));
      },
    ),
    route('DELETE', '/quai/volumes/{name}/schedules/{id}', {}, ({ params }) => {
      schedules.remove(params.id, params.name);
      return reply.noContent();
    }),
    route('DELETE', '/quai/volume-schedules/{id}', {}, ({ params }) => {
      schedules.remove(params.id);
      return reply.noContent();
    }),
  ];
}

function scheduleToWire(
  { id, volume, cron, directory, artifact, keep, pauses, lastRunAt, lastError }: BackupSchedule,
  nextRunAt: number | undefined,
) {
  return {
    ID: id,
    Volume: volume,
    Schedule: cron,
    Directory: directory,
    Artifact: artifact,
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
