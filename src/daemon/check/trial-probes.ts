import { type Advice, type Finding, fine, missing } from './finding.ts';
import type { Host } from './host.ts';

/**
 * Things that are best known by doing them: each is tried in name spaces of its own, which end with the
 * program, so that nothing is left on the host.
 */
interface Trial {
  readonly name: string;
  readonly args: readonly string[];
  readonly why: string;
  readonly cure: string;
}

const IN_NETWORK = ['--net', '--'];

const TRIALS: readonly Trial[] = [
  {
    name: 'overlay',
    args: [
      '--mount',
      '--',
      'sh',
      '-ec',
      'mount -t tmpfs none /mnt; cd /mnt; mkdir l u w m; mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m',
    ],
    why: 'a container writes to a layer of its own on top of its image',
    cure: 'sudo modprobe overlay',
  },
  {
    name: 'bridge',
    args: [...IN_NETWORK, 'ip', 'link', 'add', 'q0', 'type', 'bridge'],
    why: 'the containers of a network meet on a bridge',
    cure: 'sudo modprobe bridge',
  },
  {
    name: 'veth',
    args: [...IN_NETWORK, 'ip', 'link', 'add', 'q0', 'type', 'veth', 'peer', 'name', 'q1'],
    why: 'a container is linked to its network by a veth pair',
    cure: 'sudo modprobe veth',
  },
  {
    name: 'nftables',
    args: [
      ...IN_NETWORK,
      'nft',
      'table inet q { chain c { type nat hook postrouting priority 100; masquerade; }; map m { type inet_proto . inet_service : ipv4_addr . inet_service; }; }',
    ],
    why: 'ports are published, and containers reach the world, by nftables rules',
    cure: 'sudo modprobe -a nf_tables nft_chain_nat nft_masq   (and sudo apt-get install nftables)',
  },
];

export async function probeTrials(host: Host): Promise<Finding[]> {
  return Promise.all(TRIALS.map(trial => probe(host, trial)));
}

async function probe(host: Host, trial: Trial): Promise<Finding> {
  const advice: Advice = { why: trial.why, cure: trial.cure };
  if (!host.isRoot) {
    return {
      name: trial.name,
      mark: 'warning',
      detail: 'not tried without root',
      why: trial.why,
      cure: 'sudo quai check',
    };
  }
  const { status, output } = await host.run('unshare', trial.args);
  if (status === 0) return fine(trial.name);
  return missing(
    trial.name,
    output.trim().split('\n').at(-1) || `the trial ended with status ${status}`,
    advice,
  );
}
