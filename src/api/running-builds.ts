/** Builds under way that their clients gave an identifier to stop them by. */
export class RunningBuilds {
  readonly #byId = new Map<string, AbortController>();

  /** @returns the signal for the build, which also fires when the client leaves, and what to call at its end. */
  begin(id: string, left: AbortSignal): { readonly signal: AbortSignal; readonly ended: () => void } {
    if (id === '') return { signal: left, ended: () => undefined };
    const cancel = new AbortController();
    this.#byId.set(id, cancel);
    const ended = (): void => {
      if (this.#byId.get(id) === cancel) this.#byId.delete(id);
    };
    return { signal: AbortSignal.any([left, cancel.signal]), ended };
  }

  /** Nothing happens when there is none of that name: it may just have ended. */
  cancel(id: string): void {
    this.#byId.get(id)?.abort();
  }
}
