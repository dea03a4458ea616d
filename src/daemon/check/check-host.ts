import { probeCgroups } from './cgroup-probes.ts';
import type { Finding, Mark } from './finding.ts';
import type { Host } from './host.ts';
import {
  probeErofs,
  probeForwarding,
  probeIpv6,
  probeKernel,
  probeNameSpaces,
  probeSeccomp,
} from './kernel-probes.ts';
import { linuxHost } from './linux-host.ts';
import { probeDisk, probeHostFirewall, probeLibraries, probeSocketGroup, probeTools } from './tool-probes.ts';
import { probeTrials } from './trial-probes.ts';

/** Everything the engine needs or likes of a machine, in the order a reader would ask. */
export async function findAll(host: Host, dataRoot: string): Promise<Finding[]> {
  const [trials, tools, firewall] = await Promise.all([
    probeTrials(host),
    probeTools(host),
    probeHostFirewall(host),
  ]);
  return [
    probeKernel(host),
    ...probeNameSpaces(host),
    probeCgroups(host),
    ...trials,
    probeSeccomp(host),
    probeErofs(host),
    probeIpv6(host),
    probeForwarding(host),
    firewall,
    ...tools,
    ...probeLibraries(host),
    probeDisk(host, dataRoot),
    probeSocketGroup(host),
  ];
}

/**
 * Prints the list of findings, a mark per line, and what to do about those that are not fine.
 *
 * @returns 1 when something is missing that the engine cannot do without, otherwise 0
 */
export async function checkHost(
  say: (line: string) => void,
  { host = linuxHost, dataRoot = '/var/lib/quai' }: { readonly host?: Host; readonly dataRoot?: string } = {},
): Promise<number> {
  const findings = await findAll(host, dataRoot);
  for (const finding of findings) for (const line of render(finding)) say(line);
  const absent = findings.filter(finding => finding.mark === 'missing').map(finding => finding.name);
  if (absent.length === 0) return 0;
  say(`The engine cannot work here yet, it lacks: ${absent.join(', ')}`);
  return 1;
}

const MARKS: Readonly<Record<Mark, string>> = { ok: '✓', warning: '!', missing: '✗' };

export function render({ mark, name, detail, why, cure }: Finding): string[] {
  const lines = [`${MARKS[mark]} ${detail ? `${name}: ${detail}` : name}`];
  if (why) lines.push(`    why it matters: ${why}`);
  if (cure) lines.push(`    cure: ${cure}`);
  return lines;
}
