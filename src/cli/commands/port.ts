import { type Json, listAt, objectAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { hostAndPort } from '../format/port-text.ts';
import { type Binding, readPorts } from '../run/ports.ts';

export const port = command({
  usage: 'port [OPTIONS] CONTAINER [PRIVATE_PORT[/PROTO]]',
  summary: 'List port mappings or a specific mapping for the container, or change them',
  flags: {
    publish: {
      type: 'list',
      short: 'p',
      help: 'Publish one more port of the container, now and from now on',
    },
    unpublish: {
      type: 'list',
      help: 'Publish a port no more: 80, 80/udp, or 8080:80 for one of several',
      shows: 'port',
    },
  },
  args: { min: 1, max: 2 },
  async run({ client, print }, { args: [name = '', wanted], flags }) {
    if (flags.publish.length > 0 || flags.unpublish.length > 0) {
      const change = {
        Add: readPorts({ publish: flags.publish, expose: [] }).bindings,
        Remove: portsToRemove(flags.unpublish),
      };
      await client.call('POST', `/quai/containers/${encodeURIComponent(name)}/ports`, { body: change });
    }
    const container = await client.call('GET', `/containers/${encodeURIComponent(name)}/json`);
    const ports = objectAt(container, 'NetworkSettings', 'Ports');
    if (wanted === undefined) {
      for (const key of Object.keys(ports).sort(byNumber)) {
        for (const address of addresses(ports[key])) print(`${key} -> ${address}`);
      }
      return 0;
    }
    const key = wanted.includes('/') ? wanted : `${wanted}/tcp`;
    const found = addresses(ports[key]);
    if (found.length === 0) throw new CliError(`Error: No public port '${key}' published for ${name}`);
    for (const address of found) print(address);
    return 0;
  },
});

/** `80` takes away every binding of the port, `8080:80` that one. */
function portsToRemove(texts: readonly string[]): Record<string, Binding[]> {
  const removed: Record<string, Binding[]> = {};
  for (const text of texts) {
    for (const [port, bindings] of Object.entries(readPorts({ publish: [text], expose: [] }).bindings)) {
      const named = bindings.filter(({ HostIp, HostPort }) => HostIp !== '' || HostPort !== '');
      removed[port] = [...(removed[port] ?? []), ...named];
    }
  }
  return removed;
}

function addresses(bindings: Json | undefined): string[] {
  return listAt(bindings).map(binding => hostAndPort(textAt(binding, 'HostIp'), textAt(binding, 'HostPort')));
}

function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}
