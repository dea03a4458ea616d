import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { goBody } from '#spec/docker/fold-keys';
import { PortChangeRequest } from '#spec/docker/requests';
import { networkSettingsToWire } from './network-settings-wire.ts';

export type PortApi = Pick<ContainerService, 'changePorts' | 'inspect'>;

/** Published ports of a container that exists, which Docker's API cannot change. Answers with those it has now. */
export function portRoutes(containers: PortApi): Route[] {
  return [
    route(
      'POST',
      '/quai/containers/{id}/ports',
      { body: goBody(PortChangeRequest) },
      async ({ params: { id }, body, version }) => {
        const view = containers.inspect(id);
        await containers.changePorts(view.id, { add: body.Add, remove: body.Remove });
        const { Ports } = networkSettingsToWire(containers.inspect(view.id), version);
        return reply.json({ Ports });
      },
    ),
  ];
}
