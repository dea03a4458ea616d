/** Nobody means a name with anything longer; comparing takes time by the square. */
const LONGEST_SLIP = 64;

/**
 * What was probably meant: the candidate with the fewest single-letter edits, if those are few enough to be a slip.
 * A swap of two neighbours counts as one edit.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST_SLIP) return undefined;
  const limit = word.length <= 3 ? 1 : word.length <= 6 ? 2 : 3;
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance. */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = 0; i <= a.length; i++) table[i * width] = i;
  for (let j = 0; j <= b.length; j++) table[j] = j;
  const cell = (i: number, j: number): number => table[i * width + j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, cell(i - 2, j - 2) + 1);
      }
      table[i * width + j] = least;
    }
  }
  return cell(a.length, b.length);
}

/** Hyphens that editors and slides put in place of `--` and `-`: U+2010 to U+2015, minus, small and full-width ones. */
const LONG_DASH = /^[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+-?/;
const CURLY_QUOTES = /[\u2018-\u201f\u2039\u203a\u00ab\u00bb]/;

export function startsWithLongDash(text: string): boolean {
  return LONG_DASH.test(text);
}

export function withPlainDashes(text: string): string {
  return text.replace(LONG_DASH, '--');
}

export function hasCurlyQuotes(text: string): boolean {
  return CURLY_QUOTES.test(text);
}

export function withPlainQuotes(text: string): string {
  return text.replace(/[\u2018-\u201b\u2039\u203a]/g, "'").replace(/[\u201c-\u201f\u00ab\u00bb]/g, '"');
}
