import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '#base/errors';
import { isObject, parseJson, textAt } from '#client/json';
import { canonicalReference, type Reference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { configFolders } from '../credentials/config-folder.ts';
import { systemMessage } from '../system-message.ts';
import type { ImageManifest } from './image-manifest.ts';

/**
 * Lists under work, in the configuration folder in the form Docker's command line has them in its own: a folder a list, a
 * file an image.
 */
export class ManifestLists {
  readonly #root: string;

  constructor(context: Pick<CliContext, 'env' | 'configFlag'>) {
    this.#root = path.join(configFolders(context).own, 'manifests');
  }

  /** By the names of the files; nothing for a list that is not there. */
  images(list: Reference): ImageManifest[] {
    const names = this.#names(list).toSorted();
    return names.map(name => read(path.join(this.#folder(list), name)));
  }

  find(list: Reference, image: Reference): ImageManifest | undefined {
    const name = fileName(image);
    if (!this.#names(list).includes(name)) return undefined;
    const found = read(path.join(this.#folder(list), name));
    return textAt(found, 'Ref') === canonicalReference(image) ? found : undefined;
  }

  save(list: Reference, image: Reference, manifest: ImageManifest): void {
    const folder = this.#folder(list);
    const temporary = path.join(folder, `.${process.pid}.tmp`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      writeFileSync(temporary, JSON.stringify(manifest), { mode: 0o644, flush: true });
      renameSync(temporary, path.join(folder, fileName(image)));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw new CliError(`cannot write to ${folder}: ${systemMessage(error)}`);
    }
  }

  /** @returns `false` when there is none. */
  remove(list: Reference): boolean {
    if (this.#names(list).length === 0) return false;
    rmSync(this.#folder(list), { recursive: true });
    return true;
  }

  #names(list: Reference): string[] {
    try {
      return readdirSync(this.#folder(list)).filter(name => !name.startsWith('.'));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw new CliError(`cannot read ${this.#folder(list)}: ${systemMessage(error)}`);
    }
  }

  #folder(list: Reference): string {
    return path.join(this.#root, fileName(list));
  }
}

/** No `/` is left, and a name starts with a letter or digit: it stays in its folder. */
function fileName(reference: Reference): string {
  return canonicalReference(reference).replaceAll(':', '-').replaceAll('/', '_');
}

function read(file: string): ImageManifest {
  try {
    const found = parseJson(readFileSync(file, 'utf8'));
    if (isObject(found)) return found;
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${systemMessage(error)}`);
  }
  throw new CliError(`cannot read ${file}: it is not what "manifest create" writes`);
}
