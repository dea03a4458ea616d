import { readFileSync } from 'node:fs';
import type { EngineBuild } from '#api/system-info';

/** Where a checkout and a release both have it: two folders up from this file. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string; // our own file
};

export const ENGINE_BUILD: EngineBuild = { version, gitCommit: 'unknown', buildTime: '1970-01-01T00:00:00Z' };
