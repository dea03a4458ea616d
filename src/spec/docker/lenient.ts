import * as v from 'valibot';

/**
 * Docker's decoder is Go's `encoding/json`: unknown keys are ignored, `null` and absent both mean the zero value.
 * These helpers say so. Wrong types are still errors.
 */

/** A field with a default: absent and `null` become `fallback`. */
export function orDefault<const S extends v.GenericSchema>(schema: S, fallback: v.InferInput<S>) {
  return v.nullish(schema, fallback);
}

/** A field that stays away when absent or `null`. */
export function maybe<S extends v.GenericSchema>(schema: S) {
  return v.pipe(
    v.nullish(schema),
    v.transform((value): v.InferOutput<S> | undefined => value ?? undefined),
  );
}

export const text = orDefault(v.string(), '');
export const flag = orDefault(v.boolean(), false);
/** A whole number, 0 when absent. JSON has no 64-bit integers: beyond 2^53 is refused. */
export const whole = orDefault(v.pipe(v.number(), v.safeInteger()), 0);
export const texts = orDefault(v.array(v.string()), []);
export const textMap = orDefault(mapOf(v.string()), {});

/** What valibot leaves out of a record, because code that assigns such keys would change what an object is. */
const ODD_KEYS = ['__proto__', 'prototype', 'constructor'];

/**
 * A map with any keys: a label may be called `constructor`, and a setting must not be passed over because of its name.
 * They are properties of the object's own; look them up with `Object.hasOwn`.
 */
export function mapOf<const S extends v.GenericSchema>(
  value: S,
): v.RecordSchema<v.StringSchema<undefined>, S, undefined> {
  const record = v.record(v.string(), value);
  return {
    ...record,
    '~run': (dataset, config) => {
      const input: unknown = dataset.value;
      const isOdd =
        typeof input === 'object' && input !== null && ODD_KEYS.some(key => Object.hasOwn(input, key));
      if (!isOdd) return record['~run'](dataset, config);
      const result = record['~run']({ value: renamed(input, key => `.${key}`) }, config);
      if (result.typed)
        result.value = renamed(result.value, key => key.slice(1)) as v.InferOutput<typeof record>; // as it was
      return result;
    },
  };
}

function renamed(map: object, name: (key: string) => string): object {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [name(key), value as unknown]));
}

/** A Go `map[string]struct{}`: only the keys count. Its own output, a list, is taken as well: that is how it is stored. */
export const keySet = v.pipe(
  v.nullish(v.union([v.array(v.string()), mapOf(v.unknown())]), {}),
  v.transform(value => (Array.isArray(value) ? value : Object.keys(value))),
);

/** A command: a list, or one string as old clients send it. `undefined` when absent, which differs from `[]`. */
export const command = v.pipe(
  v.nullish(v.union([v.array(v.string()), v.string()])),
  v.transform(value => (typeof value === 'string' ? [value] : (value ?? undefined))),
);
