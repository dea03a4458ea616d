import type { OciInteger } from '#spec/oci/runtime-spec';

declare global {
  interface JSON {
    /** ECMAScript 2026; in Node since 21 */
    rawJSON(text: string): { readonly rawJSON: string };
  }
}

/** A whole number that `JSON.stringify` writes digit by digit, also beyond 2^53. */
export function exactInteger(value: number | bigint): OciInteger {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : JSON.rawJSON(value.toString());
}
