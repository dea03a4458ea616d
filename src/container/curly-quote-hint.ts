import { shown } from './shown.ts';

const CURLY_QUOTE = /[“”„‘’]/;

/** A warning for variables copied from slides with their quotes: the shell leaves curly ones where they are. */
export function curlyQuoteHint(env: readonly string[]): string | undefined {
  const entry = env.find(each => CURLY_QUOTE.test(each[0] ?? ''));
  if (entry === undefined) return undefined;
  const meant = entry.replaceAll(new RegExp(CURLY_QUOTE, 'g'), '');
  return `the environment variable ${shown(entry)} begins with a curly quote, which a shell does not take for a quote: write -e "${shown(meant)}"`;
}
