import type { Page } from '../hub-services.ts';
import { counted, exactTime, isoTime, relativeTime } from './format.ts';
import { attribute, type Content, flag, type Html, html } from './html.ts';
import { icons } from './icons.ts';
import { withQuery } from './paths.ts';

/** A command to type, with a button that copies it where scripts run. */
export function command(text: string, label = 'Command'): Html {
  return html`<div class="command">
    <code tabindex="0" aria-label="${label}">${text}</code>
    <button type="button" class="copy" data-copy="${text}" hidden>Copy</button>
  </div>`;
}

/** A time as a distance from now, with the exact one for whoever points at it. */
export function time(at: number | undefined, now: number, never = 'never'): Html {
  if (at === undefined) return html`${never}`;
  return html`<time datetime="${isoTime(at)}" title="${exactTime(at)}">${relativeTime(at, now)}</time>`;
}

const TILE_COLOURS = 8;

/** A picture for a name: its first letter, in a colour that stays the same. */
export function tile(name: string, size: 'small' | 'medium' | 'large' = 'medium'): Html {
  const letter = /[a-z0-9]/i.exec(name.slice(name.lastIndexOf('/') + 1))?.[0] ?? '·';
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return html`<span class="tile tile-${size} tile-${sum % TILE_COLOURS}" aria-hidden="true">${letter.toUpperCase()}</span>`;
}

export const officialMark = html`<span class="mark mark-official">${icons.official} Official</span>`;
export const privateMark = html`<span class="mark mark-private">${icons.lock} Private</span>`;

export interface Tab {
  readonly href: string;
  readonly label: Content;
  readonly isCurrent: boolean;
}

export function tabs(label: string, items: readonly Tab[]): Html {
  return html`<nav class="tabs" aria-label="${label}">
    ${items.map(
      ({ href, label: text, isCurrent }) =>
        html`<a href="${href}" ${attribute('aria-current', isCurrent ? 'page' : undefined)}>${text}</a>`,
    )}
  </nav>`;
}

/** What stands where a list would, and what to do about it. */
export function emptyState(title: string, body: Content): Html {
  return html`<div class="empty"><h2>${title}</h2>${body}</div>`;
}

/** Links to the other parts of a list. */
export function pager(
  { page, pageSize, total }: Page<unknown>,
  path: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Html | undefined {
  const last = Math.max(1, Math.ceil(total / pageSize));
  if (last === 1) return undefined;
  const link = (to: number, text: string, rel: string): Html =>
    to < 1 || to > last
      ? html`<span class="button quiet" aria-hidden="true">${text}</span>`
      : html`<a class="button quiet" rel="${rel}" href="${withQuery(path, { ...parameters, page: to > 1 ? to : undefined })}">${text}</a>`;
  return html`<nav class="pager" aria-label="Pages">
    ${link(page - 1, 'Previous', 'prev')}
    <span>Page ${page} of ${last}</span>
    ${link(page + 1, 'Next', 'next')}
  </nav>`;
}

/** `1–24 of 30 repositories` */
export function rangeOf({ items, page, pageSize, total }: Page<unknown>, one: string, many: string): string {
  if (total <= pageSize) return counted(total, one, many);
  const first = (page - 1) * pageSize + 1;
  return `${first}–${first + items.length - 1} of ${counted(total, one, many)}`;
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function options(choices: readonly Choice[], current: string): Html {
  return html`${choices.map(
    ({ value, label }) =>
      html`<option value="${value}" ${flag('selected', value === current)}>${label}</option>`,
  )}`;
}
