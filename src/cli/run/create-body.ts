import type * as v from 'valibot';
import type { ContainerCreateRequest } from '#spec/docker/container-create';

/** Body of `POST /containers/create` as it goes over the wire. */
export type CreateBody = v.InferInput<typeof ContainerCreateRequest>;
