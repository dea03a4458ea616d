import { ownValue } from './own-value.ts';

/** When something is due: five fields of crontab(5), in the host's time zone. */
export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday */
  readonly weekdays: ReadonlySet<number>;
  /** whether both days and weekdays are restricted: then one of them is enough, as cron has it */
  readonly isEitherDay: boolean;
}

const NAMED: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
};
/** The farthest that any schedule can be from now: 29 February over a century that has none. */
const MOST_DAYS = 366 * 9;
const LONGEST = 200;

/** @throws {TypeError} that says which field is wrong. */
export function parseCron(text: string): CronSchedule {
  if (text.length > LONGEST) throw new TypeError('the schedule is too long');
  const fields = (ownValue(NAMED, text.trim()) ?? text).trim().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (fields.length !== 5) {
    throw new TypeError(
      `"${text}" is no schedule: five fields (minute hour day month weekday), or @daily and its like`,
    );
  }
  const weekdays = parseField('weekday', weekday, 0, 7);
  return {
    minutes: parseField('minute', minute, 0, 59),
    hours: parseField('hour', hour, 0, 23),
    days: parseField('day', day, 1, 31),
    months: parseField('month', month, 1, 12),
    weekdays: new Set([...weekdays].map(number => number % 7)),
    isEitherDay: !day.startsWith('*') && !weekday.startsWith('*'),
  };
}

/** The first moment after `afterMs` that is due, in milliseconds; `undefined` when none ever is, such as 30 February. */
export function nextDue(schedule: CronSchedule, afterMs: number): number | undefined {
  const moment = new Date(afterMs);
  moment.setSeconds(0, 0);
  moment.setMinutes(moment.getMinutes() + 1);
  const day = new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
  for (let count = 0; count < MOST_DAYS; count += 1) {
    if (isDueOn(schedule, day)) {
      const due = firstMinute(schedule, day, count === 0 ? moment : undefined);
      if (due !== undefined) return due;
    }
    day.setDate(day.getDate() + 1);
  }
  return undefined;
}

function isDueOn({ days, months, weekdays, isEitherDay }: CronSchedule, day: Date): boolean {
  if (!months.has(day.getMonth() + 1)) return false;
  const isDay = days.has(day.getDate());
  const isWeekday = weekdays.has(day.getDay());
  return isEitherDay ? isDay || isWeekday : isDay && isWeekday;
}

function firstMinute(
  { hours, minutes }: CronSchedule,
  day: Date,
  from: Date | undefined,
): number | undefined {
  const earliest = from?.getTime() ?? 0;
  for (const hour of sorted(hours)) {
    for (const minute of sorted(minutes)) {
      const due = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute).getTime();
      if (due >= earliest) return due;
    }
  }
  return undefined;
}

function sorted(numbers: ReadonlySet<number>): number[] {
  return [...numbers].toSorted((a, b) => a - b);
}

function parseField(name: string, text: string, lowest: number, highest: number): Set<number> {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (!match) throw new TypeError(`"${text}" is no ${name} of a schedule`);
    const [, first, last, step] = match;
    const from = first === undefined ? lowest : Number(first);
    const to = last !== undefined ? Number(last) : first === undefined || step !== undefined ? highest : from;
    const by = step === undefined ? 1 : Number(step);
    if (from < lowest || to > highest || from > to || by < 1) {
      throw new TypeError(`"${text}" is no ${name} of a schedule: ${lowest} to ${highest}`);
    }
    for (let number = from; number <= to; number += by) numbers.add(number);
  }
  return numbers;
}
