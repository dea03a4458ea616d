import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { mapOf, text, whole } from './lenient.ts';
import { queryFlag, queryList, queryPlatform, queryText } from './query.ts';
import { RegistryAuth } from './registry-auth.ts';

/**
 * The parameters of `POST /build` (moby `daemon/server/router/build`). As there, a number that is none counts as 0, but
 * for `shmsize`; maps and lists are JSON, and `null` is an empty one.
 */
export const BuildQuery = v.object({
  buildargs: queryJson('build arguments', mapOf(v.nullable(v.string())), {}),
  buildid: queryText,
  cachefrom: queryJson('cache-from', v.array(v.string()), []),
  cgroupparent: queryText,
  cpuperiod: queryNumber(),
  cpuquota: queryNumber(),
  cpusetcpus: queryText,
  cpusetmems: queryText,
  cpushares: queryNumber(),
  dockerfile: queryText,
  extrahosts: queryList,
  isolation: queryText,
  labels: queryJson('labels', mapOf(v.string()), {}),
  memory: queryNumber(),
  memswap: queryNumber(),
  networkmode: queryText,
  nocache: queryFlag,
  outputs: queryJson('outputs', v.array(v.unknown()), []),
  platform: queryPlatform,
  pull: queryFlag,
  q: queryFlag,
  remote: queryText,
  securityopt: queryList,
  session: queryText,
  shmsize: v.pipe(queryText, v.transform(parseSize)),
  squash: queryFlag,
  t: queryList,
  target: queryText,
  ulimits: queryJson('ulimits', v.array(v.object({ Name: text, Soft: whole, Hard: whole })), []),
  version: queryText,
});
export type BuildQuery = v.InferOutput<typeof BuildQuery>;

/** What `X-Registry-Config` carries: credentials by the address of the registry, as Docker's configuration has them. */
export const RegistryConfigs = v.nullish(mapOf(RegistryAuth), {});

/** JSON in one parameter. Its parse throws {@link EngineError} `invalid` for what does not fit. */
function queryJson<T>(what: string, schema: v.GenericSchema<unknown, T>, empty: NoInfer<T>) {
  return v.pipe(
    queryText,
    v.transform((json): T => {
      try {
        const given: unknown = json === '' ? null : JSON.parse(json);
        if (given === null) return empty;
        if (Array.isArray(given) !== Array.isArray(empty)) throw new TypeError('list and map confused');
        return v.parse(schema, given);
      } catch (error) {
        throw new EngineError('invalid', `error reading ${what}: ${messageOf(error)}`, { cause: error });
      }
    }),
  );
}

function queryNumber() {
  return v.pipe(
    queryText,
    v.transform(number => (/^-?\d{1,15}$/.test(number) ? Number(number) : 0)),
  );
}

function parseSize(size: string): number {
  if (size === '') return 0;
  if (/^\d{1,15}$/.test(size)) return Number(size);
  throw new EngineError('invalid', `strconv.ParseInt: parsing "${size}": invalid syntax`);
}
