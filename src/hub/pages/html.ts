/** Text that may go into a page as it stands. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** An attribute that may be absent: what {@link flag} and {@link attribute} make. */
export class Attribute {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type Content = Html | Attribute | string | number | null | undefined | false | readonly Content[];

/**
 * HTML with holes. What goes into a hole is escaped, unless it is `Html` itself: a value that somebody wrote can not become more
 * than text. Where a hole may stand is checked too: in text, in a value in double quotes, or as a {@link flag} or {@link attribute} in a tag. A value of
 * `href`, `src` and their like has to be a path of this site or a web address.
 *
 * @throws {TypeError} for a hole anywhere else, and an address of another kind: both are mistakes of the page.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  const places = placesOf(strings);
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    text += fill(places[index] ?? 'text', value) + (strings[index + 1] ?? '');
  }
  return new Html(text);
}

/** For what is no input of anybody: scripts and pictures of our own, and Markdown that was rendered safely. */
export function trusted(text: string): Html {
  return new Html(text);
}

/** `checked`, `selected`, `required`: present or not. */
export function flag(
  name: 'checked' | 'selected' | 'required' | 'autofocus' | 'disabled' | 'open',
  isPresent: boolean,
): Attribute | undefined {
  return isPresent ? new Attribute(name) : undefined;
}

/** An attribute with a value, where there is one. */
export function attribute(
  name: 'pattern' | 'placeholder' | 'aria-current' | 'aria-describedby' | 'title' | 'minlength',
  value: string | undefined,
): Attribute | undefined {
  return value === undefined ? undefined : new Attribute(`${name}="${escapeHtml(value)}"`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, character => ESCAPES[character] ?? '');
}

/** Whether a link or form may lead there: a path, query or fragment of this site, or a web or mail address. */
export function isSafeAddress(address: string): boolean {
  if (/[\0-\x20\x7f\\]/.test(address)) return false;
  return /^(?:\/(?!\/)|[?#]|https?:\/\/|mailto:)/.test(address);
}

type Place = 'text' | 'tag' | 'value' | 'address';

const ADDRESSES = new Set(['href', 'src', 'action', 'formaction', 'poster', 'cite', 'data', 'srcset']);
/** templates are literals: each is looked at once */
const known = new WeakMap<TemplateStringsArray, readonly Place[]>();

function placesOf(strings: TemplateStringsArray): readonly Place[] {
  const before = known.get(strings);
  if (before) return before;
  const scanner = new Scanner();
  const places = strings.slice(0, -1).map(chunk => scanner.placeAfter(chunk));
  known.set(strings, places);
  return places;
}

/** Follows our own templates, which are simple: no comments with holes, no scripts, no single quotes in tags. */
class Scanner {
  #state: 'text' | 'tag' | 'value' = 'text';
  /** what the tag has so far, to tell the name of an attribute */
  #tag = '';
  #value = '';

  placeAfter(chunk: string): Place {
    for (const character of chunk) this.#take(character);
    if (this.#state === 'text') return 'text';
    if (/^\/?(?:script|style)\b/i.test(this.#tag)) throw new TypeError(`a hole in <${this.#tag}`);
    if (this.#state === 'tag') {
      if (!/\s$/.test(this.#tag)) throw new TypeError(`a hole outside quotes in <${this.#tag}`);
      return 'tag';
    }
    const name = /([\w-]+)="$/.exec(this.#tag)?.[1]?.toLowerCase() ?? '';
    if (name === 'style' || name.startsWith('on')) throw new TypeError(`a hole in ${name}`);
    return ADDRESSES.has(name) && this.#value === '' ? 'address' : 'value';
  }

  #take(character: string): void {
    if (this.#state === 'value') {
      if (character === '"') this.#state = 'tag';
      else this.#value += character;
      return;
    }
    if (this.#state === 'text') {
      if (character === '<') {
        this.#state = 'tag';
        this.#tag = '';
      }
      return;
    }
    this.#tag += character;
    if (character === '>') this.#state = 'text';
    else if (character === "'") throw new TypeError(`single quotes in <${this.#tag}`);
    else if (character === '"') {
      this.#state = 'value';
      this.#value = '';
    }
  }
}

function fill(place: Place, value: Content): string {
  if (value === undefined || value === null || value === false) return '';
  if (place === 'tag') {
    if (value instanceof Attribute) return value.toString();
    throw new TypeError('only an attribute may stand in a tag outside quotes');
  }
  if (value instanceof Attribute) throw new TypeError(`the attribute ${value.toString()} is not in a tag`);
  if (Array.isArray(value)) return (value as readonly Content[]).map(part => fill(place, part)).join('');
  if (value instanceof Html) {
    if (place === 'text') return value.toString();
    throw new TypeError('markup in a value in quotes');
  }
  const text = String(value);
  if (place === 'address' && !isSafeAddress(text)) throw new TypeError(`not an address for a page: ${text}`);
  return escapeHtml(text);
}
