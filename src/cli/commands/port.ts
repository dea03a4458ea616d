import { type Json, listAt, objectAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { hostAndPort } from '../format/port-text.ts';

export const port = command({
  usage: 'port CONTAINER [PRIVATE_PORT[/PROTO]]',
  summary: 'List port mappings or a specific mapping for the container',
  flags: {},
  args: { min: 1, max: 2 },
  async run({ client, print }, { args: [name = '', wanted] }) {
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

function addresses(bindings: Json | undefined): string[] {
  return listAt(bindings).map(binding => hostAndPort(textAt(binding, 'HostIp'), textAt(binding, 'HostPort')));
}

function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}
