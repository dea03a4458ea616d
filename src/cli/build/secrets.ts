import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { messageOf } from '#base/errors';
import { CliError } from '../cli-error.ts';
import type { Env } from '../env.ts';
import { csvFields, cutPair } from '../run/csv.ts';
import { systemMessage } from '../system-message.ts';

/** What `--secret` gives to RUN, by the identifier: base64, as the engine takes it. */
export function readSecrets(list: readonly string[], env: Env): Record<string, string> {
  return Object.fromEntries(list.map(text => readSecret(text, env)));
}

/** `id=x,src=/file`, `id=x,env=NAME`, `id=x` for the variable of that name or else the file, `src=/file` for its own name. */
function readSecret(text: string, env: Env): [id: string, value: string] {
  const fields = new Map(
    fieldsOf(text).map(field => {
      const { key, value } = cutPair(field);
      if (value === undefined)
        throw new CliError(`invalid field '${field}' must be a key=value pair: --secret ${text}`);
      return [key.toLowerCase(), value];
    }),
  );
  for (const key of fields.keys()) {
    if (!['type', 'id', 'source', 'src', 'env'].includes(key))
      throw new CliError(`unexpected key '${key}' in --secret ${text}; it has id, src, env and type`);
  }
  const type = fields.get('type') ?? '';
  if (!['', 'file', 'env'].includes(type))
    throw new CliError(`unsupported secret type "${type}": file or env`);
  const source = fields.get('src') ?? fields.get('source');
  const variable = fields.get('env') ?? (type === 'env' ? source : undefined);
  const id = fields.get('id') ?? (source === undefined ? '' : basename(source));
  if (id === '') throw new CliError(`--secret ${text} has no id`);
  return [id, valueOf(id, { source, variable, isFile: type === 'file' }, env).toString('base64')];
}

function fieldsOf(text: string): string[] {
  try {
    return csvFields(text);
  } catch (error) {
    throw new CliError(`--secret ${text}: ${messageOf(error)}`, 1, { cause: error });
  }
}

interface Place {
  readonly source: string | undefined;
  readonly variable: string | undefined;
  readonly isFile: boolean;
}

function valueOf(id: string, { source, variable, isFile }: Place, env: Env): Buffer {
  if (variable !== undefined) {
    const value = env[variable];
    if (value === undefined) throw new CliError(`secret ${id}: the variable ${variable} is not set`);
    return Buffer.from(value);
  }
  const own = env[id];
  if (source === undefined && !isFile && own !== undefined) return Buffer.from(own);
  try {
    return readFileSync(resolve(source ?? id));
  } catch (error) {
    throw new CliError(`secret ${id}: failed to read ${source ?? id}: ${systemMessage(error)}`, 1, {
      cause: error,
    });
  }
}
