import { EngineError } from '#base/errors';

/** Wording is Docker's (moby daemon/network.go, libnetwork/error.go) wherever a client may match on it. */

export function networkNotFound(reference: string): EngineError {
  return new EngineError('notFound', `network ${reference} not found`);
}

export function networkAmbiguous(reference: string): EngineError {
  return new EngineError('invalid', `network ${reference} is ambiguous (found more than one match)`);
}

export function networkNameTaken(name: string): EngineError {
  return new EngineError('conflict', `network with name ${name} already exists`);
}

export function bridgeTaken(id: string, rival: string, bridge: string): EngineError {
  return new EngineError(
    'forbidden',
    `cannot create network ${id} (${bridge}): conflicts with network ${rival} (${bridge}): networks have same bridge name`,
  );
}

export function predefinedNotRemovable(name: string): EngineError {
  return new EngineError('forbidden', `${name} is a pre-defined network and cannot be removed`);
}

export function predefinedNotPermitted(name: string): EngineError {
  return new EngineError('forbidden', `operation is not permitted on predefined ${name} network`);
}

/** Something is being done to it that waits for a plugin. */
export function networkBusy(name: string): EngineError {
  return new EngineError('conflict', `network ${name} is being changed, try again in a moment`);
}

export function networkInUse(
  network: { readonly name: string; readonly id: string },
  users: readonly { readonly name: string; readonly endpointId: string }[],
): EngineError {
  const list = users.map(
    user => `name:${JSON.stringify(user.name)} id:${JSON.stringify(user.endpointId.slice(0, 12))}`,
  );
  return new EngineError(
    'forbidden',
    `error while removing network: network ${network.name} has active endpoints (${list.join(', ')})`,
  );
}

export function driverNotFound(driver: string): EngineError {
  return new EngineError(
    'notFound',
    `could not find plugin ${driver} in v1 plugin registry: plugin ${JSON.stringify(driver)} not found`,
  );
}

export function poolOverlaps(subnet: string, holder: string, free: string | undefined): EngineError {
  return new EngineError(
    'forbidden',
    `invalid pool request: Pool overlaps with other one on this address space: ${subnet} is in use by ${holder}${free === undefined ? '' : `; ${free} is free`}`,
  );
}

export function poolsExhausted(): EngineError {
  return new EngineError(
    'invalid',
    'all predefined address pools have been fully subnetted: give a subnet that is free on this host (--subnet)',
  );
}

export function noAddressLeft(
  network: { readonly name: string; readonly id: string },
  family: 4 | 6,
): EngineError {
  return new EngineError(
    'conflict',
    `no available IPv${family} addresses on this network's address pools: ${network.name} (${network.id})`,
  );
}

export function addressInUse(address: string, holder: string | undefined): EngineError {
  return new EngineError(
    'conflict',
    `Address already in use: ${address}${holder === undefined ? '' : ` is held by ${holder}`}`,
  );
}

export function addressOutsidePool(address: string, subnets: readonly string[]): EngineError {
  return new EngineError(
    'invalid',
    `no configured subnet contains IP address ${address}: the network has ${subnets.join(' and ')}`,
  );
}

export function addressOfAll(address: string, subnet: string): EngineError {
  return new EngineError(
    'invalid',
    `no container can have IP address ${address}: it is the network or broadcast address of ${subnet}`,
  );
}

export function addressOnDefaultNetwork(): EngineError {
  return new EngineError(
    'invalid',
    'user specified IP address is supported on user defined networks only: make one with `network create --subnet`',
  );
}

export function addressWithoutSubnet(): EngineError {
  return new EngineError(
    'invalid',
    'user specified IP address is supported only when connecting to networks with user configured subnets',
  );
}

export function endpointExists(containerName: string, networkName: string): EngineError {
  return new EngineError(
    'forbidden',
    `endpoint with name ${containerName} already exists in network ${networkName}`,
  );
}

export function notConnected(containerId: string, networkName: string): EngineError {
  return new EngineError('forbidden', `container ${containerId} is not connected to network ${networkName}`);
}
