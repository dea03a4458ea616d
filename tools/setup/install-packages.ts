import { spawnSync } from 'node:child_process';
import { type DebianPackage, hasProgram } from './debian-packages.ts';
import { SetupError, say } from './messages.ts';

/**
 * Installs what is missing with apt.
 *
 * @throws {SetupError} without root, without apt, or when apt fails: what is missing, why, and the command that cures it.
 */
export function installPackages(missing: readonly DebianPackage[]): void {
  if (missing.length === 0) return;
  const names = missing.map(each => each.name);
  if (!hasProgram('apt-get')) throw new SetupError(withoutApt(missing));
  if (process.getuid?.() !== 0) throw new SetupError(withoutRoot(missing));
  for (const each of missing) say(`apt: installing ${each.name}: ${each.why}`);
  const update = refreshPackageLists();
  const install = apt(['install', '--yes', '--no-install-recommends', ...names]);
  if (install.status === 0) return;
  throw new SetupError({
    what: `apt could not install ${names.join(' ')}`,
    why: lastLines(install.output || update.output),
    cure: `sudo apt-get update && sudo apt-get install ${names.join(' ')}`,
  });
}

let refreshed: ReturnType<typeof apt> | undefined;

/** `apt-get update`, once for all that this process installs. */
export function refreshPackageLists(): ReturnType<typeof apt> {
  if (refreshed?.status !== 0) refreshed = apt(['update']);
  return refreshed;
}

/** Non-interactive, waits two minutes for another apt, keeps the output to itself. */
function apt(args: readonly string[]): { readonly status: number; readonly output: string } {
  const result = spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return { status: result.status ?? 1, output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}

interface Advice {
  readonly what: string;
  readonly why: string;
  readonly cure: string;
}

function withoutRoot(missing: readonly DebianPackage[]): Advice {
  const names = missing.map(each => each.name).join(' ');
  return {
    what: `missing on this machine, and installing them takes root: ${names}`,
    why: reasons(missing),
    cure: `sudo npm run setup   (or: sudo apt-get install ${names})`,
  };
}

function withoutApt(missing: readonly DebianPackage[]): Advice {
  return {
    what: `missing on this machine, which has no apt to install them with: ${missing.map(each => each.name).join(' ')}`,
    why: reasons(missing),
    cure: foreignCommand(missing),
  };
}

/** Debian's names in the words of other package managers. */
function foreignCommand(missing: readonly DebianPackage[]): string {
  const manager = Object.keys(FOREIGN).find(hasProgram);
  if (!manager)
    return 'install programs of these names with your package manager, then run `npm run setup` again';
  const { command, names } = FOREIGN[manager] ?? { command: manager, names: {} };
  return `sudo ${command} ${missing.map(each => names[each.name] ?? each.name).join(' ')}`;
}

const FOREIGN: Readonly<Record<string, { command: string; names: Readonly<Record<string, string>> }>> = {
  dnf: {
    command: 'dnf install',
    names: {
      'busybox-static': 'busybox',
      iproute2: 'iproute',
      libnftables1: 'nftables-libs',
      libseccomp2: 'libseccomp',
    },
  },
  pacman: {
    command: 'pacman -S',
    names: { 'busybox-static': 'busybox', libnftables1: 'nftables', libseccomp2: 'libseccomp' },
  },
  zypper: { command: 'zypper install', names: {} },
  apk: {
    command: 'apk add',
    names: { libnftables1: 'nftables', libseccomp2: 'libseccomp' },
  },
};

function reasons(missing: readonly DebianPackage[]): string {
  return missing.map(each => `${each.name} ${each.why}`).join('; ');
}

function lastLines(output: string): string {
  return output.trim().split('\n').slice(-4).join('\n    ') || 'it said nothing';
}
