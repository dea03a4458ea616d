import type { Json } from '#client/json';

/** What one object offers to tables and templates. Functions are called with the arguments in the template. */
export type Row = Readonly<Record<string, Json | ((...args: readonly unknown[]) => string)>>;
