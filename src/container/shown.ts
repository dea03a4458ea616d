const LONGEST = 100;

/** A value from a request as it may stand in a message: cut when it is long. */
export function shown(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… (${text.length} characters)`;
}
