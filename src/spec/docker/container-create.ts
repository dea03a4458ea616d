import * as v from 'valibot';
import { ContainerConfig, NetworkingConfig } from './container-config.ts';
import { HostConfig } from './host-config.ts';
import { orDefault } from './lenient.ts';

/** Body of `POST /containers/create`. */
export const ContainerCreateRequest = v.object({
  ...ContainerConfig.entries,
  HostConfig: orDefault(HostConfig, {}),
  NetworkingConfig: orDefault(NetworkingConfig, {}),
});
export type ContainerCreateRequest = v.InferOutput<typeof ContainerCreateRequest>;
