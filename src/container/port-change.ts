import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { ownValue } from '#base/own-value';
import { HostConfig, type PortBinding } from '#spec/docker/host-config';
import type { OpenOperation } from '#store/journal';
import type { Container } from './container.ts';
import { hasProcess } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { ownerOf } from './network-change.ts';
import { networkModeOf } from './network-mode.ts';
import { planPorts } from './port-plan.ts';
import { parseContainerPorts } from './port-spec.ts';

type PortBindings = HostConfig['PortBindings'];

export interface PortChange {
  readonly add: PortBindings;
  /** bindings to take away; an empty address or port of the host fits any, an empty list means all of that port */
  readonly remove: PortBindings;
}

const OPERATION = 'ports';
const JournalData = v.object({ PortBindings: HostConfig.entries.PortBindings });

/**
 * Publishes more ports of a container, or fewer: at once where it runs, and for its next starts. What it keeps is not
 * disturbed. All or nothing; cut by a crash, it is done at the next start of the engine.
 *
 * @throws {EngineError} `conflict` for a port in use or a container without a network of its own, `invalid`, `notFound`
 * for a binding to remove that it has not.
 */
export async function changePorts(
  context: ContainerContext,
  { id }: Container,
  change: PortChange,
): Promise<void> {
  using _lock = await context.locks.lock(id);
  const container = context.index.get(id);
  requirePorts(container);
  const PortBindings = changedBindings(container.hostConfig.PortBindings, change);
  const hostConfig = { ...container.hostConfig, PortBindings };
  const requests = planPorts(container.config, hostConfig); // refuses what is none
  const entry = context.journal.begin(OPERATION, id, { PortBindings });
  context.faults.reach('ports.1-journaled');
  try {
    if (hasProcess(container.state.status)) await context.networks.setPorts(ownerOf(container), requests);
    context.faults.reach('ports.2-published');
    emitContainerEvent(context, context.index.setHostConfig(id, hostConfig), 'update');
    context.faults.reach('ports.3-row');
  } finally {
    entry.end();
  }
}

/** The first half of what a crash cut: what the container is to have. */
export function redoPortConfig(context: ContainerContext, { subject, data }: OpenOperation): void {
  const container = context.index.find(subject);
  if (!container) return;
  const { PortBindings } = v.parse(JournalData, data);
  context.index.setHostConfig(container.id, { ...container.hostConfig, PortBindings });
}

/** The second half, once networks are restored: what it has. */
export async function redoPorts(context: ContainerContext): Promise<void> {
  for (const operation of context.journal.open()) {
    if (operation.operation !== OPERATION) continue;
    const container = context.index.find(operation.subject);
    try {
      if (container && hasProcess(container.state.status)) {
        const requests = planPorts(container.config, container.hostConfig);
        await context.networks.setPorts(ownerOf(container), requests);
      }
    } catch (error) {
      const fields = { container: operation.subject, error: messageOf(error) };
      context.logger.error('cannot publish the ports of a running container: restart it', fields);
    }
    context.journal.end(operation.id);
  }
}

export function isPortOperation({ operation }: Pick<OpenOperation, 'operation'>): boolean {
  return operation === OPERATION;
}

/** Pure. @throws {EngineError} `invalid`, `notFound` */
export function changedBindings(current: PortBindings, { add, remove }: PortChange): PortBindings {
  const next = new Map(Object.entries(current).map(([port, bindings]) => [keyOf(port), [...bindings]]));
  for (const [port, patterns] of Object.entries(remove)) {
    const key = keyOf(port);
    for (const pattern of patterns.length > 0 ? patterns : [{ HostIp: '', HostPort: '' }]) {
      const present = next.get(key) ?? [];
      const rest = present.filter(binding => !fits(binding, pattern));
      if (rest.length === present.length) throw notPublished(key, pattern);
      next.set(key, rest);
    }
  }
  for (const [port, bindings] of Object.entries(add)) {
    const key = keyOf(port);
    next.set(key, [...(next.get(key) ?? []), ...bindings]);
  }
  return Object.fromEntries([...next].filter(([, bindings]) => bindings.length > 0));
}

function fits(binding: PortBinding, pattern: PortBinding): boolean {
  return (
    (pattern.HostIp === '' || pattern.HostIp === binding.HostIp) &&
    (pattern.HostPort === '' || pattern.HostPort === binding.HostPort)
  );
}

function keyOf(port: string): string {
  const { first, last, protocol } = parseContainerPorts(port);
  if (first !== last) throw new EngineError('invalid', `invalid port specification: "${port}"`);
  return `${first}/${protocol}`;
}

function notPublished(key: string, { HostIp, HostPort }: PortBinding): EngineError {
  const where = HostIp === '' && HostPort === '' ? '' : ` on ${HostIp || '*'}:${HostPort || '*'}`;
  return new EngineError(
    'notFound',
    `port ${key} is not published${where}, or by --publish-all, whose ports cannot be taken away one by one`,
  );
}

function requirePorts(container: Container): void {
  const { kind } = networkModeOf(container);
  if (kind === 'networks') return;
  const mode = ownValue(
    { host: 'the host’s network', container: 'another container’s network', none: 'no network' },
    kind,
  );
  throw new EngineError('conflict', `container ${container.name} uses ${mode}: it has no ports to publish`);
}
