import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Env } from '../context.ts';
import type { LocalFiles } from './create-request.ts';

/** The caller's files, read when an option names one. */
export function localFiles(env: Env): LocalFiles {
  return { env, readFile: name => readFileSync(name, 'utf8'), resolve: name => path.resolve(name) };
}
