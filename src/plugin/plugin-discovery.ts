import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#sys/sys-error';
import { type PluginAddress, readPluginSpec } from './plugin-address.ts';

/** Where plugins are looked for, first come first served. Docker's places are the default. */
export interface PluginPlaces {
  /** folders with `NAME.sock` or `NAME/NAME.sock` */
  readonly sockets: readonly string[];
  /** folders with `NAME.spec`, `NAME.json`, or the same in a folder `NAME` */
  readonly specs: readonly string[];
}

export const DOCKER_PLUGIN_PLACES: PluginPlaces = {
  sockets: ['/run/docker/plugins'],
  specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'],
};

/** More than any host has; a folder that somebody fills must not stall the engine. */
const MAX_LISTED = 1000;
const SPEC_SUFFIXES = ['.spec', '.json'];

/** Where the plugin `name` listens; `undefined` when nothing names it. @throws {EngineError} `invalid` for a bad description. */
export function locatePlugin(name: string, { sockets, specs }: PluginPlaces): PluginAddress | undefined {
  if (!isFileName(name)) return undefined;
  for (const folder of sockets) {
    for (const path of [join(folder, `${name}.sock`), join(folder, name, `${name}.sock`)]) {
      if (isSocket(path)) return { kind: 'unix', path };
    }
  }
  for (const folder of specs) {
    for (const suffix of SPEC_SUFFIXES) {
      for (const path of [join(folder, `${name}${suffix}`), join(folder, name, `${name}${suffix}`)]) {
        if (existsSync(path)) return readPluginSpec(path);
      }
    }
  }
  return undefined;
}

/** Names of all plugins that have a socket or a description, in order. */
export function listPlugins({ sockets, specs }: PluginPlaces): string[] {
  const names = new Set<string>();
  for (const folder of sockets) addNames(names, folder, ['.sock']);
  for (const folder of specs) addNames(names, folder, SPEC_SUFFIXES);
  return [...names].toSorted();
}

function addNames(names: Set<string>, folder: string, suffixes: readonly string[]): void {
  for (const entry of entriesOf(folder).slice(0, MAX_LISTED)) {
    const suffix = suffixes.find(one => entry.endsWith(one));
    const name = suffix === undefined ? entry : entry.slice(0, -suffix.length);
    const isOne =
      suffix !== undefined || suffixes.some(one => existsSync(join(folder, name, `${name}${one}`)));
    if (isOne && isFileName(name)) names.add(name);
  }
}

/** A name out of a request must not lead anywhere. */
function isFileName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.:@+-]{0,200}$/.test(name);
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}
