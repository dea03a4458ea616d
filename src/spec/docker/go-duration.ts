const NANOS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const LONGEST = 100;

/** Go's notation of durations, such as `1h30m` or `1.5s`, in nanoseconds; `undefined` for what is none. */
export function goDurationNanos(text: string): number | undefined {
  if (text.length > LONGEST) return undefined; // digits without an end take the pattern time by the square
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (!match) return undefined;
  let total = 0;
  for (const [, amount, unit] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(amount) * (NANOS[unit ?? ''] ?? 0);
  }
  return Math.round(total) * (match[1] === '-' ? -1 : 1);
}
