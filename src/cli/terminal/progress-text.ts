import { type Json, numberAt, textAt } from '#client/json';
import { humanSize } from '../format/human.ts';

const BAR_WIDTH = 50;
/** Narrower terminals show the numbers only. */
const COLUMNS_FOR_BAR = 110;
const NUMBER_WIDTH = 8;

/** How far a layer is, as Docker shows it: a bar where there is room, and the bytes; `''` when there is nothing to count. */
export function progressText(message: Json, columns: number): string {
  const current = numberAt(message, 'progressDetail', 'current');
  const total = numberAt(message, 'progressDetail', 'total');
  const units = textAt(message, 'progressDetail', 'units');
  if (current <= 0 && total <= 0) return '';
  if (total <= 0) return amount(current, units);
  const bar = columns > COLUMNS_FOR_BAR ? `${barOf(current / total)} ` : '';
  if (current > total) return bar + amount(current, units); // the total cannot be right
  return bar + (units ? `${current}/${total} ${units}` : `${amount(current, '')}/${humanSize(total)}`);
}

function amount(value: number, units: string): string {
  return units ? `${value} ${units}` : humanSize(value).padStart(NUMBER_WIDTH);
}

function barOf(part: number): string {
  const filled = Math.min(BAR_WIDTH, Math.trunc(Math.trunc(part * 100) / 2));
  return `[${'='.repeat(filled)}>${' '.repeat(BAR_WIDTH - filled)}]`;
}
