/** As many as a repository may have: about 1 MB. */
const MOST = 10_000;

/** Which volume the backups in repositories are of, by their tags; '' for what is no backup. What is forgotten is asked again. */
export class TagOwners {
  readonly #places = new Map<string, Map<string, string>>();
  #count = 0;

  of(place: string, tag: string): string | undefined {
    return this.#places.get(place)?.get(tag);
  }

  note(place: string, tag: string, volume: string): void {
    if (this.#count >= MOST) this.#forgetOldestPlace();
    const tags = this.#places.get(place) ?? new Map<string, string>();
    this.#places.set(place, tags);
    if (!tags.has(tag)) this.#count += 1;
    tags.set(tag, volume);
  }

  /** Tags that a place does not have any more. */
  keepOnly(place: string, tags: readonly string[]): void {
    const there = new Set(tags);
    const known = this.#places.get(place);
    for (const tag of known?.keys() ?? []) {
      if (there.has(tag) || !known?.delete(tag)) continue;
      this.#count -= 1;
    }
  }

  #forgetOldestPlace(): void {
    for (const [place, tags] of this.#places) {
      this.#places.delete(place);
      this.#count -= tags.size;
      return;
    }
  }
}
