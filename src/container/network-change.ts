import { EngineError, messageOf } from '#base/errors';
import type { Network, SandboxOwner } from '#network/network';
import type { EndpointSettings } from '#spec/docker/container-config';
import type { Container } from './container.ts';
import { hasProcess } from './container-machine.ts';
import type { ContainerContext } from './context.ts';
import { renewNetworkFiles } from './network-files.ts';
import { networkModeOf, toRequest } from './network-mode.ts';
import { planPorts } from './port-plan.ts';

/**
 * Attaches a container to one more network: at once when it runs, otherwise with its next start.
 *
 * @throws {EngineError} `conflict` when its mode allows no other network, `forbidden` when it is there already.
 */
export async function connectNetwork(
  context: ContainerContext,
  { id }: Container,
  reference: string,
  settings: EndpointSettings,
): Promise<void> {
  using _lock = await context.locks.lock(id);
  const container = context.index.get(id);
  const network = context.networks.get(reference);
  requireOwnSandbox(container);
  requireCompany(context, container, network);
  if (configuredName(context, container, network)) {
    throw new EngineError(
      'forbidden',
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    );
  }
  context.networks.check(toRequest(network.name, settings));
  if (hasProcess(container.state.status)) {
    await renewingFiles(context, container, async () => {
      await context.networks.attach(
        ownerOf(container),
        [toRequest(network.name, settings)],
        planPorts(container.config, container.hostConfig),
      );
    });
  }
  const EndpointsConfig = { ...container.networking.EndpointsConfig, [network.name]: settings };
  context.index.update(id, { networking: { EndpointsConfig } });
}

/** @throws {EngineError} `notFound` for the network, `forbidden` when the container is not attached to it. */
export async function disconnectNetwork(
  context: ContainerContext,
  { id }: Container,
  reference: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  using _lock = await context.locks.lock(id);
  const container = context.index.get(id);
  const network = context.networks.get(reference);
  if (!force) requireOwnSandbox(container);
  const configured = configuredName(context, container, network);
  if (configured === undefined) {
    throw new EngineError('forbidden', `container ${id} is not connected to network ${network.name}`);
  }
  // The wish first: what a crash leaves of the endpoint then goes at the next start, see dropUnwantedEndpoints().
  const { [configured]: _gone, ...EndpointsConfig } = container.networking.EndpointsConfig;
  context.index.update(id, { networking: { EndpointsConfig } });
  if (!hasProcess(container.state.status)) return;
  try {
    await renewingFiles(context, container, () => context.networks.detach(id, network.id));
  } catch (error) {
    const isStillOn = context.networks.endpointsOf(id).some(({ networkId }) => networkId === network.id);
    if (isStillOn) context.index.update(id, { networking: container.networking });
    throw error;
  }
}

/** Takes running containers off networks that they are not to be on: a crash cut a connection, or a disconnection. */
export async function dropUnwantedEndpoints(context: ContainerContext): Promise<void> {
  for (const { id } of context.index.all()) {
    using _lock = await context.locks.lock(id);
    const container = context.index.find(id);
    if (!container || !hasProcess(container.state.status)) continue;
    for (const { networkId, networkName } of context.networks.endpointsOf(id)) {
      if (configuredName(context, container, context.networks.get(networkId)) !== undefined) continue;
      context.logger.info('taking a container off a network that it is not to be on', {
        container: id,
        network: networkName,
      });
      await renewingFiles(context, container, () => context.networks.detach(id, networkId));
    }
  }
}

export function ownerOf({ id, name, config }: Container): SandboxOwner {
  return { containerId: id, containerName: name, hostname: config.Hostname };
}

/** Changes the networks of a running container, and tells it in its files. */
async function renewingFiles(
  context: ContainerContext,
  container: Container,
  change: () => Promise<void>,
): Promise<void> {
  const { Hostname: hostname } = container.config;
  const names = { hostname, links: [] };
  const before = { ...names, endpoints: context.networks.endpointsOf(container.id) };
  await change();
  try {
    const now = { ...names, endpoints: context.networks.endpointsOf(container.id) };
    renewNetworkFiles(context, container, { before, now });
  } catch (error) {
    const fields = { container: container.id, error: messageOf(error) };
    context.logger.warn('cannot renew resolv.conf and hosts of a container', fields);
  }
}

/** @throws {EngineError} `invalid`, in Docker's words (moby runconfig/errors.go) */
function requireOwnSandbox(container: Container): void {
  const { kind } = networkModeOf(container);
  if (kind === 'networks' || kind === 'none') return;
  throw new EngineError(
    'invalid',
    kind === 'host'
      ? 'container cannot be disconnected from host network or connected to host network'
      : 'container sharing network namespace with another container or host cannot be connected to any other network',
  );
}

/** The host's network cannot be joined later, and none means none. @throws {EngineError} `invalid` */
function requireCompany({ networks }: ContainerContext, container: Container, network: Network): void {
  if (network.driver === 'host') {
    throw new EngineError(
      'invalid',
      'container cannot be disconnected from host network or connected to host network',
    );
  }
  const drivers = Object.keys(container.networking.EndpointsConfig).map(name => networks.find(name)?.driver);
  const isNone = network.name === 'none';
  if ((drivers.includes('null') && !isNone) || (isNone && drivers.some(driver => driver !== 'null'))) {
    throw new EngineError(
      'invalid',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  }
}

/** Under which name, or ID, the container refers to the network. */
function configuredName(
  { networks }: ContainerContext,
  container: Container,
  network: Network,
): string | undefined {
  return Object.keys(container.networking.EndpointsConfig).find(
    name => name === network.name || networks.find(name)?.id === network.id,
  );
}
