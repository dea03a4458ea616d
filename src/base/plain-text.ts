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
  return text.replace(TRICKS, trick => (trick === '\n' || trick === '\t' ? trick : ' '));
}
