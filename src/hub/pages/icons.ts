import { type Html, trusted } from './html.ts';

/** Own drawings on a grid of 16, in the colour of the text around. They say nothing that words beside them do not say too. */
function icon(path: string): Html {
  return trusted(
    `<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${path}</svg>`,
  );
}

const STAR = 'M8 1.6l1.95 4.05 4.45.6-3.25 3.1.8 4.45L8 11.65 4.05 13.8l.8-4.45L1.6 6.25l4.45-.6z';

export const icons = {
  star: icon(
    `<path fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" d="${STAR}"/>`,
  ),
  starFull: icon(
    `<path fill="currentColor" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" d="${STAR}"/>`,
  ),
  pulls: icon(
    '<path fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" d="M8 2v7.5M4.8 6.5L8 9.7l3.2-3.2M2.5 11.5v2h11v-2"/>',
  ),
  clock: icon(
    '<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.4"/><path fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" d="M8 4.6V8l2.3 1.6"/>',
  ),
  official: icon(
    '<path fill="currentColor" d="M8 .8l1.75 1.3 2.15-.2.85 2 2 .85-.2 2.15L15.9 8l-1.35 1.1.2 2.15-2 .85-.85 2-2.15-.2L8 15.2l-1.75-1.3-2.15.2-.85-2-2-.85.2-2.15L.1 8l1.35-1.1-.2-2.15 2-.85.85-2 2.15.2z"/><path fill="none" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" d="M5 8.2l2.1 2.1L11.2 6"/>',
  ),
  lock: icon(
    '<rect x="3" y="7" width="10" height="7" rx="1.5" fill="currentColor"/><path fill="none" stroke="currentColor" stroke-width="1.5" d="M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2"/>',
  ),
  search: icon(
    '<circle cx="7" cy="7" r="4.6" fill="none" stroke="currentColor" stroke-width="1.6"/><path stroke="currentColor" stroke-width="1.6" stroke-linecap="round" d="M10.5 10.5l3.6 3.6"/>',
  ),
  plus: icon('<path stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M8 3v10M3 8h10"/>'),
  down: icon(
    '<path fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" d="M4 6.2L8 10l4-3.8"/>',
  ),
  tag: icon(
    '<path fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" d="M2 2.5h5.5l6.4 6.4-5 5L2.5 7.500z"/><circle cx="5.3" cy="5.5" r="1" fill="currentColor"/>',
  ),
  people: icon(
    '<circle cx="6" cy="5.2" r="2.6" fill="currentColor"/><path fill="currentColor" d="M1 13.500c0-2.8 2.2-4.5 5-4.500s5 1.7 5 4.500z"/><path fill="currentColor" d="M10.3 7.700a2.5 2.5 0 1 0-.6-4.7 4 4 0 0 1 .6 4.700zM12.3 13.500H15c0-2.4-1.4-4-3.6-4.3.6 1 .9 2.3.9 4.300z"/>',
  ),
  gear: icon(
    '<path fill="none" stroke="currentColor" stroke-width="1.4" d="M2 4.500h4m3 0h5M2 11.500h7m3 0h2"/><circle cx="7.5" cy="4.5" r="1.7" fill="none" stroke="currentColor" stroke-width="1.4"/><circle cx="10.5" cy="11.5" r="1.7" fill="none" stroke="currentColor" stroke-width="1.4"/>',
  ),
} as const;

/** The mark of the site: a crate on the edge of a quay, over water. */
export const logo = trusted(
  '<svg class="logo" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">' +
    '<rect width="32" height="32" rx="8" fill="#0b7fd0"/>' +
    '<rect x="8" y="6.5" width="7.2" height="7.2" rx="1.5" fill="#bfe3ff"/><rect x="16.8" y="6.5" width="7.2" height="7.2" rx="1.5" fill="#fff"/>' +
    '<path d="M5 17.500h22" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/>' +
    '<path d="M5.5 23.500c2.6-2.2 4.4-2.2 7 0s4.4 2.2 7 0 4.4-2.2 7 0" fill="none" stroke="#bfe3ff" stroke-width="2.3" stroke-linecap="round"/>' +
    '</svg>',
);
