import { EngineError } from '#base/errors';
import { shortId } from '#base/ids';
import {
  createUpperLink,
  createWire,
  probeUpperKind,
  setLink,
  type UpperKind,
} from '#sys/netlink/link-requests';
import type { NetlinkSocket } from '#sys/netlink/netlink-socket';
import { findLink, type Link } from '#sys/netlink/netlink-tables';
import { isErrno } from '#sys/sys-error';
import type { InstanceNames } from '../instance-names.ts';
import type { NetworkRecord } from '../network-table.ts';
import { type LanOptions, parseVlanName } from './lan-options.ts';

/** What a macvlan or ipvlan network stands on. */
export function parentNameOf(network: Pick<NetworkRecord, 'id'>, { parent }: LanOptions): string {
  return parent ?? `dm-${shortId(network.id)}`;
}

/**
 * Finds the parent, or makes it where that is ours to do: a VLAN interface, or a wire that leads nowhere. What we
 * make bears our alias.
 *
 * @throws `invalid` when there is none, `notImplemented` when the kernel lacks VLANs.
 */
export function ensureParent(
  socket: NetlinkSocket,
  network: NetworkRecord,
  { options, names }: { readonly options: LanOptions; readonly names: InstanceNames },
): Link {
  const name = parentNameOf(network, options);
  const alias = names.linkAlias(network.id);
  const present = findLink(socket, name);
  if (present) {
    if (present.alias === alias && !present.isUp) socket.run(setLink(present.index, { isUp: true }));
    return present;
  }
  if (options.parent === undefined) {
    const far = `dp-${shortId(network.id)}`;
    socket.run(createWire(name, far), ...[far, name].map(end => setLink(end, { alias, isUp: true })));
  } else makeVlan(socket, name, alias);
  return findLink(socket, name) ?? vanished(name);
}

/** @throws `notImplemented` when the kernel does not know such links. */
export function requireKind(socket: NetlinkSocket, kind: UpperKind['kind']): void {
  const [outcome] = socket.outcomes([probeUpperKind(kind)]);
  if (!isErrno(outcome?.error, 'EOPNOTSUPP')) return;
  const option = kind === 'vlan' ? 'VLAN_8021Q' : kind.toUpperCase();
  throw new EngineError(
    'notImplemented',
    `this kernel has no ${kind} interfaces: boot one with CONFIG_${option}, or use another network driver`,
  );
}

function makeVlan(socket: NetlinkSocket, name: string, alias: string): void {
  const vlan = parseVlanName(name);
  if (!vlan) {
    throw new EngineError(
      'invalid',
      `invalid subinterface vlan name ${name}, example formatting is eth0.10: this host has no interface ${name}`,
    );
  }
  const base = findLink(socket, vlan.base);
  if (!base) {
    throw new EngineError('invalid', `cannot make ${name}: this host has no interface ${vlan.base}`);
  }
  requireKind(socket, 'vlan');
  socket.run(
    createUpperLink({ name, lowerIndex: base.index, upper: { kind: 'vlan', vlanId: vlan.vlanId } }),
    setLink(name, { isUp: true, alias }),
  );
}

function vanished(name: string): never {
  throw new EngineError('conflict', `interface ${name} vanished while the network was made`);
}
