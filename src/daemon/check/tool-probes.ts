import { type Finding, fine, missing, warning } from './finding.ts';
import type { Host } from './host.ts';
import { isOlder, parseVersion } from './kernel-probes.ts';

interface Tool {
  readonly program: string;
  readonly args: readonly string[];
  readonly why: string;
  readonly package: string;
  /** below this version known holes are open */
  readonly safeFrom?: readonly number[];
  readonly isOptional?: boolean;
}

const TOOLS: readonly Tool[] = [
  {
    program: 'crun',
    args: ['--version'],
    why: 'it runs the containers',
    package: 'crun',
    safeFrom: [1, 28],
    isOptional: true,
  },
  {
    program: 'runc',
    args: ['--version'],
    why: 'it runs the containers where crun cannot',
    package: 'runc',
    safeFrom: [1, 3, 6],
    isOptional: true,
  },
  {
    program: 'conmon',
    args: ['--version'],
    why: 'it keeps containers and their logs alive without the engine',
    package: 'conmon',
  },
  {
    program: 'tini',
    args: ['--version'],
    why: 'containers with `--init` need it',
    package: 'tini',
    isOptional: true,
  },
  {
    program: 'nft',
    args: ['--version'],
    why: 'it shows the rules when something is wrong',
    package: 'nftables',
    isOptional: true,
  },
  {
    program: 'ip',
    args: ['-V'],
    why: 'it shows links and name spaces when something is wrong',
    package: 'iproute2',
    isOptional: true,
  },
];

export async function probeTools(host: Host): Promise<Finding[]> {
  const findings = await Promise.all(TOOLS.map(tool => probeTool(host, tool)));
  const isAny = findings.some(
    ({ name, detail }) => (name === 'crun' || name === 'runc') && detail !== ABSENT,
  );
  if (isAny) return findings;
  return findings.map(finding => (finding.name === 'crun' ? { ...finding, mark: 'missing' } : finding));
}

/** A firewall of the host's that published ports pass by. */
export async function probeHostFirewall(host: Host): Promise<Finding> {
  const { status, output } = await host.run('nft', ['list', 'chains']);
  const isUfw = /^ENABLED=yes/m.test(host.read('/etc/ufw/ufw.conf') ?? '') || /chain ufw6?-/.test(output);
  const name = /table inet firewalld/.test(output) ? 'firewalld' : isUfw ? 'ufw' : undefined;
  if (name === undefined) return fine('host firewall', status === 0 ? 'none that we know' : 'not looked at');
  return warning('host firewall', name, {
    why: `ports that containers publish are forwarded, so the input rules of ${name} do not judge them`,
    cure: 'quai daemon --firewall host   (its rules decide, as for any program), or --publish-default loopback',
  });
}

const ABSENT = 'not installed';

async function probeTool(host: Host, tool: Tool): Promise<Finding> {
  const { status, output } = await host.run(tool.program, tool.args);
  const cure = `sudo apt-get install ${tool.package}   (or sudo npm run setup)`;
  if (status !== 0) {
    const detail =
      status === 127
        ? ABSENT
        : `\`${tool.program} ${tool.args.join(' ')}\` fails: ${output.trim().split('\n')[0]}`;
    const finding = { name: tool.program, detail, why: tool.why, cure };
    return { ...finding, mark: tool.isOptional ? 'warning' : 'missing' };
  }
  const version = /\d+(?:\.\d+)+/.exec(output)?.[0] ?? 'unknown version';
  const parsed = parseVersion(version);
  if (tool.safeFrom && parsed && isOlder(parsed, tool.safeFrom)) {
    return warning(tool.program, `${version}, older than ${tool.safeFrom.join('.')}`, {
      why: 'older versions have known holes through which an untrusted image can reach the host',
      cure: `run only images you trust, or install a newer ${tool.program} (a newer Debian, or its releases page)`,
    });
  }
  return fine(tool.program, version);
}

const LIBRARIES: readonly (readonly [file: string, packageName: string, why: string])[] = [
  ['libnftables.so.1', 'libnftables1', 'network rules are changed through it'],
  ['libseccomp.so.2', 'libseccomp2', 'the filter of system calls is compiled with it'],
];

export function probeLibraries(host: Host): Finding[] {
  return LIBRARIES.map(([file, packageName, why]) => {
    if (libraryFolders(host).some(folder => host.exists(`${folder}/${file}`))) return fine(packageName);
    return missing(packageName, ABSENT, {
      why,
      cure: `sudo apt-get install ${packageName}   (or sudo npm run setup)`,
    });
  });
}

function libraryFolders(host: Host): string[] {
  return ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].flatMap(folder => [
    folder,
    ...host
      .list(folder)
      .filter(name => name.endsWith('-linux-gnu'))
      .map(name => `${folder}/${name}`),
  ]);
}

const GIB = 1024 ** 3;

export function probeDisk(host: Host, dataRoot: string): Finding {
  const free = host.freeBytes(dataRoot);
  if (free === undefined) return fine('disk', 'free space unknown');
  const detail = `${(free / GIB).toFixed(1)} GiB free below ${dataRoot}`;
  if (free >= 2 * GIB) return fine('disk', detail);
  return warning('disk', detail, {
    why: 'images, volumes and logs are kept there, and a full disk stops containers',
    cure: 'free some space (`quai system df` shows what is used), or move the data with `quai daemon --root DIR`',
  });
}

export function probeSocketGroup(host: Host): Finding {
  const group = /^quai:[^:]*:\d+:(.*)$/m.exec(host.read('/etc/group') ?? '');
  if (group) return fine('socket group', `quai (${group[1] || 'no members yet'})`);
  return warning('socket group', 'no group `quai`', {
    why: 'only root can use the engine, so `docker` and `quai` need sudo',
    cure: 'sudo groupadd --system quai && sudo usermod -aG quai "$USER"   (its members are as mighty as root)',
  });
}
