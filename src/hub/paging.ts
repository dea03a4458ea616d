import type { Page, PageOptions } from './hub-services.ts';

const DEFAULT_PAGE_SIZE = 25;
const MOST_PAGE_SIZE = 100;
const MOST_PAGES = 1_000_000;

export interface Place {
  readonly page: number;
  readonly pageSize: number;
  readonly limit: number;
  readonly offset: number;
}

/** What is out of bounds is brought to the bound. */
export function placeOf({ page, pageSize }: PageOptions): Place {
  const size = bounded(pageSize ?? DEFAULT_PAGE_SIZE, MOST_PAGE_SIZE);
  const number = bounded(page ?? 1, MOST_PAGES);
  return { page: number, pageSize: size, limit: size, offset: (number - 1) * size };
}

export function pageOf<T>({ page, pageSize }: Place, items: readonly T[], total: number): Page<T> {
  return { items, total, page, pageSize };
}

function bounded(value: number, most: number): number {
  return Number.isFinite(value) ? Math.min(most, Math.max(1, Math.trunc(value))) : 1;
}
