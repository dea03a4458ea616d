import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { normalizePlatform, type Platform, parsePlatform } from '#spec/oci/platform';
import { text } from './lenient.ts';

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

/** An OCI platform as JSON, or as `linux/arm64`; `undefined` when absent or empty. */
export const queryPlatform = v.pipe(
  values,
  v.transform(all => (all[0] ? parsePlatformParameter(all[0]) : undefined)),
);

export const queryPlatforms = v.pipe(
  values,
  v.transform(all => all.filter(text => text !== '').map(parsePlatformParameter)),
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

const PlatformJson = v.object({ os: text, architecture: text, variant: text });

function parsePlatformParameter(parameter: string): Platform {
  if (!parameter.startsWith('{')) return parsePlatform(parameter);
  let parsed: v.InferOutput<typeof PlatformJson>;
  try {
    parsed = v.parse(PlatformJson, JSON.parse(parameter));
  } catch (error) {
    throw new EngineError('invalid', `failed to parse platform: ${messageOf(error)}`, { cause: error }); // Docker's wording
  }
  const { os, architecture, variant } = parsed;
  if (os === '' || architecture === '')
    throw new EngineError('invalid', 'both OS and Architecture must be provided'); // Docker's wording
  return normalizePlatform({ os, architecture, ...(variant === '' ? {} : { variant }) });
}

function isTrue(text: string): boolean {
  return !['', '0', 'no', 'false', 'none'].includes(text.trim().toLowerCase());
}

function parseInteger(text: string): number {
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  throw new EngineError('invalid', `strconv.Atoi: parsing "${text}": invalid syntax`);
}
