/**
 * Names of files are bytes on Linux, mostly but not always UTF-8. A byte string carries them through string
 * operations unharmed: each character is one byte (latin1). ASCII names, nearly all, look the same either way.
 */

/** The bytes of a byte string. */
export function latin1(name: string): Buffer {
  return Buffer.from(name, 'latin1');
}

/** A byte string from text. */
export function byteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A byte string as text for people: broken UTF-8 becomes U+FFFD. */
export function displayName(name: string): string {
  return latin1(name).toString('utf8');
}
