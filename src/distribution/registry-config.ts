import { readFileSync, statSync } from 'node:fs';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { isErrno } from '#sys/sys-error';
import { RegistriesFile } from './registry-rule.ts';
import { type DockerRegistryOptions, RegistryRules } from './registry-rules.ts';

export interface RegistryConfigDeps {
  /** The file of rules; need not exist. Absent: there is none. */
  readonly path?: string;
  readonly docker?: DockerRegistryOptions;
  readonly logger: Logger;
}

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The rules for registries, always those of the file as it is now: it is looked at whenever rules are needed, and read
 * again when it has changed. A file that has become wrong is told once, and the last good rules stay in force.
 */
export class RegistryConfig {
  readonly #deps: RegistryConfigDeps;
  #rules: RegistryRules;
  #version: string;
  #problem: string | undefined;

  /** @throws {EngineError} `invalid`: a file that is wrong from the start, because it may say what is blocked. */
  constructor(deps: RegistryConfigDeps) {
    this.#deps = deps;
    this.#version = this.#versionNow();
    this.#rules = this.#read();
  }

  /** Why the file is not what is in force; `undefined` when it is. */
  get problem(): string | undefined {
    this.current();
    return this.#problem;
  }

  current(): RegistryRules {
    const version = this.#versionNow();
    if (version === this.#version) return this.#rules;
    this.#version = version;
    const { path, logger } = this.#deps;
    try {
      this.#rules = this.#read();
      this.#problem = undefined;
      logger.info('read the rules for registries again', { path });
    } catch (error) {
      this.#problem = messageOf(error);
      logger.warn('the rules for registries stay as they were: their file is wrong', { path, error });
    }
    return this.#rules;
  }

  #read(): RegistryRules {
    const { path, docker } = this.#deps;
    return new RegistryRules(path === undefined ? NO_RULES : readRules(path), docker);
  }

  /** Changes when the file does: a new file renamed over it has another inode. */
  #versionNow(): string {
    const { path } = this.#deps;
    const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat ? `${stat.ino}:${stat.size}:${stat.mtimeNs}` : '';
  }
}

const NO_RULES: RegistriesFile = { registries: [] };

function readRules(path: string): RegistriesFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return NO_RULES;
    throw wrong(path, messageOf(error), error);
  }
  if (text.length > MAX_BYTES) throw wrong(path, `it is larger than ${MAX_BYTES} bytes`);
  return parseRules(text, path);
}

/** @throws {EngineError} `invalid`, saying where the text is wrong. */
export function parseRules(text: string, path: string): RegistriesFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong(path, messageOf(error), error);
  }
  const result = v.safeParse(RegistriesFile, Array.isArray(json) ? null : json);
  if (!result.success) {
    const problems = result.issues.map(issue => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`);
    throw wrong(path, problems.join('; '));
  }
  const prefixes = result.output.registries.map(rule => rule.prefix);
  const twice = prefixes.find((prefix, index) => prefixes.indexOf(prefix) !== index);
  if (twice !== undefined) throw wrong(path, `there are two rules for "${twice}"`);
  return result.output;
}

function wrong(path: string, reason: string, cause?: unknown): EngineError {
  return new EngineError('invalid', `cannot use the rules for registries in "${path}": ${reason}`, { cause });
}
