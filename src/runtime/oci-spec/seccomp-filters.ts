import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, EngineError, messageOf } from '#base/errors';
import { exactInteger } from '#base/exact-integer';
import type { Logger } from '#base/logger';
import { SingleFlight } from '#base/single-flight';
import type { ResolvedSeccomp } from '#sys/resolved-seccomp';
import type { SeccompCompiler } from '#sys/seccomp';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import { DEFAULT_SECCOMP_PROFILE } from './default-seccomp-profile.ts';
import type { HostFacts } from './host-facts.ts';
import { parseSeccompProfile, resolveSeccomp } from './seccomp-profile.ts';

/** How a container's system calls are filtered. */
export type SeccompSetting =
  | { readonly kind: 'unconfined' }
  /** the compiled program, base64: crun takes it from an annotation and compiles nothing */
  | { readonly kind: 'program'; readonly base64: string }
  /** for `linux.seccomp`: the runtime compiles it */
  | { readonly kind: 'profile'; readonly profile: unknown };

export interface SeccompRequest {
  /** `builtin`, `unconfined`, or a profile as JSON */
  readonly seccomp: string;
  readonly isPrivileged: boolean;
  /** bounding set of the container */
  readonly capabilities: readonly string[];
  /** whether the runtime takes compiled programs: crun does, runc does not */
  readonly takesProgram: boolean;
}

export interface SeccompFiltersDeps {
  readonly compiler: SeccompCompiler | undefined;
  /** folder for compiled programs; its content can be deleted at any time */
  readonly cacheDir: string;
  readonly host: Pick<HostFacts, 'architecture' | 'kernel'>;
  readonly logger: Logger;
}

const MAX_IN_MEMORY = 64;
const MAX_ON_DISK = 256;
/** `BPF_MAXINSNS` times the size of an instruction */
const MAX_PROGRAM_BYTES = 4096 * 8;

/**
 * Compiles seccomp profiles and remembers the programs, in memory and on disk, by everything they depend on. Compiling takes
 * a runtime some 10 ms for each container; a remembered program costs nothing.
 */
export class SeccompFilters {
  readonly #deps: SeccompFiltersDeps;
  readonly #programs = new Map<string, string>();
  readonly #resolved = new Map<string, ResolvedSeccomp>();
  readonly #keys = new WeakMap<ResolvedSeccomp, string>();
  readonly #flights = new SingleFlight<string>();

  constructor(deps: SeccompFiltersDeps) {
    this.#deps = deps;
  }

  /** Compiles what an ordinary container uses, so that the first one does not wait. Never fails. */
  async prewarm(): Promise<void> {
    try {
      await this.setting({
        seccomp: 'builtin',
        isPrivileged: false,
        capabilities: DEFAULT_CAPABILITIES,
        takesProgram: true,
      });
      await this.#trimDisk();
    } catch (error) {
      this.#deps.logger.warn('cannot prepare the default seccomp filter', { error });
    }
  }

  /** @throws {EngineError} `invalid` for a profile that cannot be read or compiled. */
  async setting(request: SeccompRequest): Promise<SeccompSetting> {
    if (request.seccomp === 'unconfined') return { kind: 'unconfined' };
    // A privileged container is only filtered by a profile it asks for.
    if (request.isPrivileged && request.seccomp === 'builtin') return { kind: 'unconfined' };
    const profile = this.#resolve(request);
    const { compiler } = this.#deps;
    // Flags and listeners are set by the runtime while it loads the filter: then it has to know the profile.
    const isPlain = profile.flags === undefined && profile.listenerPath === undefined;
    if (!compiler || !request.takesProgram || !isPlain) {
      return { kind: 'profile', profile: toOciSeccomp(profile) };
    }
    return { kind: 'program', base64: await this.#program(profile, compiler) };
  }

  #resolve({ seccomp, capabilities }: SeccompRequest): ResolvedSeccomp {
    const key = `${capabilities.toSorted().join(' ')}\n${seccomp}`;
    const known = this.#resolved.get(key);
    if (known) return known;
    const { architecture, kernel } = this.#deps.host;
    const profile = seccomp === 'builtin' ? DEFAULT_SECCOMP_PROFILE : parseSeccompProfile(seccomp);
    const resolved = resolveSeccomp(profile, { capabilities, architecture, kernel });
    remember(this.#resolved, key, resolved);
    return resolved;
  }

  async #program(profile: ResolvedSeccomp, compiler: SeccompCompiler): Promise<string> {
    const key = this.#keys.get(profile) ?? keyOf(profile, compiler);
    this.#keys.set(profile, key);
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    return this.#flights.run(key, async () => {
      const base64 = (await this.#load(key)) ?? (await this.#compile(key, profile, compiler));
      remember(this.#programs, key, base64);
      return base64;
    });
  }

  async #load(key: string): Promise<string | undefined> {
    try {
      const program = await readFile(join(this.#deps.cacheDir, key));
      const isWhole = program.length > 0 && program.length % 8 === 0 && program.length <= MAX_PROGRAM_BYTES;
      return isWhole ? program.toString('base64') : undefined;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      this.#deps.logger.warn('cannot read a compiled seccomp filter', { error });
      return undefined;
    }
  }

  async #compile(key: string, profile: ResolvedSeccomp, compiler: SeccompCompiler): Promise<string> {
    let program: Buffer;
    try {
      program = await compiler.compile(profile);
    } catch (error) {
      throw new EngineError('invalid', `cannot use the seccomp profile: ${messageOf(error)}`, {
        cause: error,
      });
    }
    await this.#store(key, program);
    return program.toString('base64');
  }

  /** A cut file must never be taken for a filter: it gets its name when it is whole. */
  async #store(key: string, program: Buffer): Promise<void> {
    const { cacheDir, logger } = this.#deps;
    const temporary = join(cacheDir, `${key}.${process.pid}.tmp`);
    try {
      await mkdir(cacheDir, { recursive: true, mode: 0o700 });
      await writeFile(temporary, program, { mode: 0o600, flush: true });
      await rename(temporary, join(cacheDir, key));
    } catch (error) {
      logger.warn('cannot keep a compiled seccomp filter', { error });
      await rm(temporary, { force: true }).catch(() => undefined); // what failed above may fail again
    }
  }

  async #trimDisk(): Promise<void> {
    const { cacheDir } = this.#deps;
    const names = await readdir(cacheDir);
    if (names.length <= MAX_ON_DISK) return;
    const files = [];
    for (const name of names) files.push({ name, usedAt: (await stat(join(cacheDir, name))).atimeMs });
    const oldest = files.toSorted((a, b) => a.usedAt - b.usedAt).slice(0, names.length - MAX_ON_DISK);
    for (const { name } of oldest) await rm(join(cacheDir, name), { force: true });
  }
}

function keyOf(profile: ResolvedSeccomp, compiler: SeccompCompiler): string {
  const hash = createHash('sha256').update(compiler.version).update('\0');
  return hash.update(JSON.stringify(toOciSeccomp(profile))).digest('hex');
}

/** `linux.seccomp`, with 64-bit numbers written exactly. */
function toOciSeccomp(profile: ResolvedSeccomp): unknown {
  const syscalls = profile.syscalls.map(rule => ({
    ...rule,
    ...(rule.args && {
      args: rule.args.map(({ index, value, valueTwo, op }) => ({
        index,
        value: exactInteger(value),
        valueTwo: exactInteger(valueTwo),
        op,
      })),
    }),
  }));
  return { ...profile, syscalls };
}

function remember<V>(cache: Map<string, V>, key: string, value: V): void {
  cache.set(key, value);
  const oldest = cache.keys().next().value;
  if (cache.size > MAX_IN_MEMORY && oldest !== undefined) cache.delete(oldest);
}
