import { existsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EngineError } from '#base/errors';
import { newId } from '#base/ids';
import type { ProxySettings } from '#distribution/proxy-settings';
import type { GitAddress } from '#spec/dockerfile/git-address';
import type { ProgramJail } from '#store/program-jail';

export interface GitProgramDeps {
  readonly jail: Pick<ProgramJail, 'run'>;
  readonly proxies: ProxySettings;
}

export interface GitEnd {
  readonly status: number;
  /** the end of what it complained of */
  readonly complaint: string;
  /** what it wrote, where that was asked for */
  readonly output: string;
}

export interface GitRun {
  /** of the host; the only place that it can write to, and `/work` inside. What stands beside it is ours. */
  readonly folder: string;
  readonly scheme: GitAddress['scheme'];
  /** what the name of the server means: `HOST:PORT:ADDRESS[,ADDRESS]` */
  readonly pin?: string;
  /** keep what it writes on its standard output, so many bytes of it */
  readonly outputBytes?: number;
  readonly signal: AbortSignal;
}

const PROGRAMS = ['/usr/bin/git', '/usr/local/bin/git', '/bin/git'];
/** Its parts are below `/usr/lib` or here, depending on the distribution. */
const PARTS = ['/usr/libexec/git-core', '/usr/local/libexec/git-core'];

const TIMEOUT_MS = 15 * 60_000;
const LIMITS = { fileBytes: 16 * 1024 ** 3, memoryBytes: 4 * 1024 ** 3, cpuSeconds: 1800 };

/**
 * What git is told before anything else. Repositories come from anybody: no hooks, no helpers, no filters, no other protocols than the
 * one that was asked for (`file` and `ext` start programs and read files), objects are checked before they are used.
 */
const CONFIGURATION: Readonly<Record<string, string>> = {
  'advice.detachedHead': 'false',
  'core.askPass': '',
  'core.fsmonitor': 'false',
  'core.hooksPath': '/dev/null',
  'core.logAllRefUpdates': 'false',
  'core.protectHFS': 'true',
  'core.protectNTFS': 'true',
  'credential.helper': '',
  'fetch.fsckObjects': 'true',
  // Harmless, and there in repositories that are old.
  'fetch.fsck.zeroPaddedFilemode': 'ignore',
  'fetch.fsck.missingSpaceBeforeDate': 'ignore',
  'fetch.fsck.badTimezone': 'ignore',
  'gc.auto': '0',
  // It would follow them to anywhere, this machine too: they are followed by us.
  'http.followRedirects': 'false',
  'http.lowSpeedLimit': '1000',
  'http.lowSpeedTime': '60',
  'init.defaultBranch': 'main',
  'maintenance.auto': 'false',
  'pack.threads': '2',
  'protocol.allow': 'never',
  'submodule.recurse': 'false',
};

/** Runs git in a jail: it reads what a stranger's server sends, and has had many a hole in that. */
export class GitProgram {
  readonly #deps: GitProgramDeps;

  constructor(deps: GitProgramDeps) {
    this.#deps = deps;
  }

  /** @throws {EngineError} `unavailable` without git or a jail, `deadline`, or what the signal says. */
  async run(args: readonly string[], { folder, scheme, pin, outputBytes, signal }: GitRun): Promise<GitEnd> {
    const file = PROGRAMS.find(path => existsSync(path));
    if (file === undefined)
      throw new EngineError(
        'unavailable',
        'git is not installed on the host of the engine: install it to build from repositories',
      );
    const path = join(dirname(folder), `output-${newId<string>().slice(0, 12)}`);
    await using kept = outputBytes === undefined ? undefined : await open(path, 'wx+', 0o600);
    try {
      const { status, output: complaint } = await this.#deps.jail.run(
        {
          file,
          args: [...settings(scheme, pin), ...args],
          readable: new Map(),
          writable: new Map([['/work', folder]]),
          programs: PARTS,
          isOnline: true,
          env: { ...environment(scheme), ...proxyEnvironment(this.#deps.proxies) },
          umask: 0o022,
          ...(kept && { stdout: kept.fd }),
          limits: LIMITS,
          timeoutMs: TIMEOUT_MS,
        },
        { signal },
      );
      const output = kept === undefined ? '' : await read(kept, outputBytes ?? 0);
      return { status, complaint: withoutPasswords(complaint), output };
    } finally {
      await rm(path, { force: true });
    }
  }
}

function settings(scheme: GitAddress['scheme'], pin: string | undefined): string[] {
  const all = {
    ...CONFIGURATION,
    [`protocol.${scheme}.allow`]: 'always',
    ...(pin !== undefined && { 'http.curloptResolve': pin }),
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function environment(scheme: GitAddress['scheme']): Record<string, string> {
  return {
    HOME: '/tmp',
    GIT_ALLOW_PROTOCOL: scheme,
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    // It wants to know who it works for, and there is no list of users in the jail.
    GIT_AUTHOR_NAME: 'quai',
    GIT_AUTHOR_EMAIL: 'quai@localhost',
    GIT_COMMITTER_NAME: 'quai',
    GIT_COMMITTER_EMAIL: 'quai@localhost',
  };
}

function proxyEnvironment({ httpProxy, httpsProxy, noProxy }: ProxySettings): Record<string, string> {
  return {
    ...(httpProxy && { http_proxy: httpProxy }),
    ...(httpsProxy && { https_proxy: httpsProxy }),
    ...(noProxy && { no_proxy: noProxy }),
  };
}

async function read(file: FileHandle, maxBytes: number): Promise<string> {
  const { size } = await file.stat();
  if (size > maxBytes)
    throw new EngineError('invalid', 'the repository has too many files for a build context');
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, 0);
  return bytes.toString('utf8');
}

export function withoutPasswords(text: string): string {
  return text.replace(/\/\/[^/@\s]{1,1000}@/g, '//***@');
}
