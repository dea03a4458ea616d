import { type Json, textAt } from '#client/json';

const ZERO = 0x30;
const NINE = 0x39;

/** Sorted by their names as people count: `web2` before `web10`. */
export function byName(list: readonly Json[]): Json[] {
  return list
    .map(json => ({ json, name: textAt(json, 'Name') }))
    .sort((a, b) => compareNames(a.name, b.name))
    .map(({ json }) => json);
}

/**
 * Docker's order: by bytes, but runs of digits by the number they make, and before anything else. With equal numbers that with
 * fewer zeroes in front comes first.
 */
function compareNames(a: string, b: string): number {
  let [atA, atB] = [0, 0];
  while (atA < a.length && atB < b.length) {
    const [charA, charB] = [a.charCodeAt(atA), b.charCodeAt(atB)];
    if (isDigit(charA) !== isDigit(charB)) return isDigit(charA) ? -1 : 1;
    if (!isDigit(charA)) {
      if (charA !== charB) return charA - charB;
      atA += 1;
      atB += 1;
      continue;
    }
    const [firstA, firstB] = [skip(a, atA, isZero), skip(b, atB, isZero)];
    const [endA, endB] = [skip(a, firstA, isDigit), skip(b, firstB, isDigit)];
    const isLonger = endA - firstA - (endB - firstB);
    if (isLonger !== 0) return isLonger;
    for (let at = 0; at < endA - firstA; at += 1) {
      const difference = a.charCodeAt(firstA + at) - b.charCodeAt(firstB + at);
      if (difference !== 0) return difference;
    }
    if (firstA !== firstB) return firstA - firstB; // so far they were alike
    [atA, atB] = [endA, endB];
  }
  return a.length - b.length;
}

function skip(text: string, start: number, isPassed: (char: number) => boolean): number {
  let at = start;
  while (at < text.length && isPassed(text.charCodeAt(at))) at += 1;
  return at;
}

function isDigit(char: number): boolean {
  return char >= ZERO && char <= NINE;
}

function isZero(char: number): boolean {
  return char === ZERO;
}
