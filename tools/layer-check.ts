import { dirname, join, normalize } from 'node:path/posix';
import { GUARDED_GLOBALS, GUARDED_MODULES, GUARDED_VALUES, LAYERS } from './layers.ts';
import { type ModuleUse, moduleUses } from './module-imports.ts';

/** A file below `src/`, by its path relative to it. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface LayerReport {
  /** one sentence per broken rule: file, line, both folders */
  readonly problems: readonly string[];
  readonly importsSeen: number;
}

/** Holds every import and guarded global of the sources against the table in `layers.ts`. */
export function checkLayers(sources: readonly Source[]): LayerReport {
  const problems: string[] = [];
  let importsSeen = 0;
  for (const source of sources) {
    for (const use of moduleUses(source.text, Object.keys(GUARDED_GLOBALS))) {
      if (use.kind === 'import') importsSeen += 1;
      const problem = problemWith(source.path, use);
      if (problem) problems.push(`src/${source.path}:${use.line}: ${problem}`);
    }
  }
  return { problems, importsSeen };
}

function problemWith(path: string, use: ModuleUse): string | undefined {
  const folder = folderOf(path);
  if (!LAYERS[folder]) return `folder "${folder}" is not in tools/layers.ts`;
  if (use.kind === 'unreadable') return `${use.name} does not name its module as a literal`;
  if (use.kind === 'global') return guardProblem(folder, use.name, GUARDED_GLOBALS[use.name]);
  if (use.name.startsWith('#')) return folderProblem(path, use.name.slice(1), use);
  if (use.name.startsWith('.')) return relativeProblem(path, use);
  const module = withScheme(use.name);
  const allowed = GUARDED_MODULES[module] ?? GUARDED_MODULES[use.name];
  return guardProblem(folder, use.name, allowed ?? (use.isTypeOnly ? undefined : GUARDED_VALUES[module]));
}

function withScheme(name: string): string {
  return name.startsWith('node:') ? name : `node:${name}`;
}

function guardProblem(
  folder: string,
  name: string,
  allowed: readonly string[] | undefined,
): string | undefined {
  if (!allowed || allowed.includes(folder)) return undefined;
  return `${folder}/ uses ${name}, which belongs to ${allowed.map(each => `${each}/`).join(', ')}`;
}

function relativeProblem(path: string, use: ModuleUse): string | undefined {
  const target = normalize(join(dirname(path), use.name));
  if (target.startsWith('..')) return `"${use.name}" leaves src/`;
  if (folderOf(target) === folderOf(path)) return undefined;
  return folderProblem(path, target, use) ?? `write "#${target.replace(/\.ts$/, '')}", not "${use.name}"`;
}

function folderProblem(path: string, target: string, use: ModuleUse): string | undefined {
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === to) return undefined;
  const layer = LAYERS[from];
  if (!LAYERS[to]) return `${from}/ imports ${to}/, which is not in tools/layers.ts`;
  if (target.split('/').slice(1, -1).includes('internal')) {
    return `${from}/ imports ${target}, which is internal to ${to}/`;
  }
  if (layer?.imports.includes(to)) return undefined;
  if (!layer?.types?.includes(to)) return `${from}/ must not import ${to}/ ("${use.name}")`;
  return use.isTypeOnly ? undefined : `${from}/ may import types only from ${to}/ ("${use.name}")`;
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? '';
}
