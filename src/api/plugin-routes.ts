import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { PluginListing, Plugins } from '#plugin/plugins';

export type PluginApi = Pick<Plugins, 'list'>;

/** Plugins of Docker's first protocol. `/plugins` is for those of the second, which Docker itself installs. */
export function pluginRoutes(plugins: PluginApi): Route[] {
  return [
    route('GET', '/quai/plugins', {}, async () =>
      reply.json({ Plugins: (await plugins.list()).map(pluginToWire) }),
    ),
  ];
}

function pluginToWire({ name, address, implements: capabilities, problem }: PluginListing) {
  return {
    Name: name,
    Address: address,
    Implements: capabilities,
    ...(problem !== undefined && { Problem: problem }),
  };
}
