import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { type GitAddress, parseGitAddress } from '#spec/dockerfile/git-address';
import { CliError } from '../cli-error.ts';
import type { Env } from '../env.ts';
import { hasProgram } from '../installed-program.ts';

/** A repository on this side, until it was sent. */
export interface ClonedContext extends Disposable {
  /** the part of it that is meant */
  readonly folder: string;
}

const SAID_CHARACTERS = 4000;

/**
 * What git is told: the user's own configuration and keys hold, but nothing of the repository may run, and its submodules come by SSH or
 * https alone.
 */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'fetch.fsckObjects=true',
  'advice.detachedHead=false',
  'init.defaultBranch=main',
  'protocol.allow=never',
  'protocol.ssh.allow=always',
  'protocol.https.allow=always',
].flatMap(setting => ['-c', setting]);

/**
 * Clones a repository that is reached over SSH: the engine has no keys of the user's, this side has.
 *
 * @throws {CliError} with what git complained of.
 */
export async function clonedContext(address: string, env: Env): Promise<ClonedContext> {
  const git = parseGitAddress(address);
  if (!hasProgram('git', env))
    throw new CliError(
      `unable to prepare context: git is not installed, which is needed to clone ${git.remote}`,
    );
  const root = mkdtempSync(join(tmpdir(), 'quai-clone-'));
  const close = (): void => rmSync(root, { recursive: true, force: true });
  try {
    const tree = join(root, 'tree');
    await checkOut(git, tree, env);
    if (git.keepGitDir !== true) rmSync(join(tree, '.git'), { recursive: true, force: true });
    return { folder: folderIn(tree, git), [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

async function checkOut(address: GitAddress, tree: string, env: Env): Promise<void> {
  const { remote, ref = 'HEAD', commit, submodules } = address;
  const run = (...args: readonly string[]): Promise<string> => runGit([...SETTINGS, ...args], env, remote);
  await run('init', '--quiet', '--template=', tree);
  const fetch = ['-C', tree, 'fetch', '--quiet', '--no-recurse-submodules'];
  let found = 'FETCH_HEAD';
  try {
    await run(...fetch, '--no-tags', '--depth=1', '--end-of-options', remote, ref);
  } catch (error) {
    // Not every server gives a commit by its number, and none by the half of it.
    if (!/^[0-9a-f]{7,64}$/i.test(ref)) throw error;
    await run(...fetch, '--tags', '--end-of-options', remote, '+refs/heads/*:refs/remotes/origin/*');
    found = `${ref}^{commit}`;
  }
  await run('-C', tree, 'checkout', '--quiet', '--force', '--detach', found);
  const head = (await run('-C', tree, 'rev-parse', 'HEAD')).trim();
  if (commit !== undefined && !head.startsWith(commit))
    throw new CliError(`unable to prepare context: expected checksum to match ${commit}, got ${head}`);
  if (submodules === false) return;
  await run('-C', tree, 'remote', 'add', 'origin', remote); // what relative addresses of submodules are relative to
  await run('-C', tree, 'submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1');
}

async function runGit(args: readonly string[], env: Env, remote: string): Promise<string> {
  const child = spawn('git', args, { env: { ...env }, stdio: ['inherit', 'pipe', 'pipe'] });
  const [said, complaint, [code]] = await Promise.all([
    endOf(child.stdout),
    endOf(child.stderr),
    once(child, 'close') as Promise<unknown[]>,
  ]);
  if (code === 0) return said;
  throw new CliError(`unable to prepare context: cannot clone ${remote}: ${complaint.trim()}`);
}

async function endOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text = (text + String(chunk)).slice(-SAID_CHARACTERS);
  return text;
}

/** Links of the repository lead to nothing but the repository. */
function folderIn(tree: string, { subdir = '' }: GitAddress): string {
  try {
    const folder = realpathSync(join(tree, subdir));
    const root = realpathSync(tree);
    if ((folder === root || folder.startsWith(root + sep)) && statSync(folder).isDirectory()) return folder;
  } catch {
    // Not there: the same.
  }
  throw new CliError(
    `unable to prepare context: ${JSON.stringify(subdir)} is not a folder of the repository`,
  );
}
