declare global {
  interface JSON {
    /** ECMAScript 2026; in Node since 21 */
    rawJSON(text: string): { readonly rawJSON: string };
  }
}

/** A whole number that `JSON.stringify` writes digit by digit, also beyond 2^53. */
export type ExactInteger = number | { readonly rawJSON: string };

export function exactInteger(value: number | bigint): ExactInteger {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : JSON.rawJSON(value.toString());
}
