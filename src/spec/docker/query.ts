import * as v from 'valibot';
import { EngineError } from '#base/errors';

/**
 * Query parameters with Docker's leniency (moby `daemon/server/httputils/form.go`). The input of each is the list of
 * values one key was given; only the first counts, unless the parameter is a list.
 */
const values = v.optional(v.pipe(v.array(v.string()), v.readonly()), []);

/** The first value, `''` when absent. */
export const queryText = v.pipe(
  values,
  v.transform(all => all[0] ?? ''),
);

export const queryList = values;

/** True unless absent, empty, `0`, `no`, `false` or `none`, in any case. */
export const queryFlag = v.pipe(
  values,
  v.transform(all => isTrue(all[0] ?? '')),
);

/** As {@link queryFlag}, but true when absent or empty. */
export const queryFlagOn = v.pipe(
  values,
  v.transform(all => (all[0] ?? '') === '' || isTrue(all[0] ?? '')),
);

/** A whole number as Go's `strconv.Atoi` takes it; `undefined` when absent or empty. */
export const queryInteger = v.pipe(
  values,
  v.transform(all => (all[0] ? parseInteger(all[0]) : undefined)),
);

/** A terminal dimension. */
export function querySize(what: 'height' | 'width') {
  return v.pipe(
    values,
    v.transform(all => {
      const text = all[0] ?? '';
      const size = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
      if (size < 2 ** 32) return size;
      throw new EngineError('invalid', `invalid resize ${what} "${text}": must be a whole number`);
    }),
  );
}

function isTrue(text: string): boolean {
  return !['', '0', 'no', 'false', 'none'].includes(text.trim().toLowerCase());
}

function parseInteger(text: string): number {
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  throw new EngineError('invalid', `strconv.Atoi: parsing "${text}": invalid syntax`);
}
