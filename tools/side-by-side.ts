/**
 * Does the work for each item, at most `limit` at a time and begun in their order.
 *
 * @returns the results as they come.
 */
export async function* sideBySide<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting = items.values();
  const running = new Map<symbol, Promise<readonly [symbol, R]>>();
  const beginNext = (): void => {
    const next = waiting.next();
    if (next.done) return;
    const key = Symbol();
    running.set(
      key,
      work(next.value).then(result => [key, result] as const),
    );
  };
  for (let count = 0; count < limit; count += 1) beginNext();
  while (running.size > 0) {
    const [key, result] = await Promise.race(running.values());
    running.delete(key);
    beginNext();
    yield result;
  }
}
