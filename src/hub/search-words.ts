const MOST_WORDS = 8;
const MAX_WORD_LENGTH = 64;

/**
 * What people type, as a query of SQLite's full-text search (FTS5): every word, as the beginning of one in the name or the
 * description. Quoted, so that none of its operators can come in from outside. `undefined` where there is no word in it.
 */
export function searchWords(text: string): string | undefined {
  const words = text.slice(0, 1000).match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length === 0) return undefined;
  return words
    .slice(0, MOST_WORDS)
    .map(word => `"${Array.from(word).slice(0, MAX_WORD_LENGTH).join('')}"*`)
    .join(' ');
}
