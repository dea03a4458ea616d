/** What moves the cursor, colours, sets titles, or changes the direction of writing (CVE-2021-42574). */
const TRICKS = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text that others wrote (names of files, labels, messages of registries and plugins) as one line for a terminal: with spaces for
 * what a terminal would obey instead of show.
 */
export function plainLine(text: string): string {
  return text.replace(TRICKS, ' ');
}

/** As {@link plainLine}, for text that may have several lines and tabs. */
export function plainLines(text: string): string {
  return text.replace(TRICKS, trick => (isLayout(trick) ? trick : ' '));
}

/** As {@link plainLines}, with JSON's escapes instead of spaces: JSON means the same so. */
export function escapedLines(text: string): string {
  return text.replace(TRICKS, trick =>
    isLayout(trick) ? trick : `\\u${trick.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function isLayout(trick: string): boolean {
  return trick === '\n' || trick === '\t';
}
