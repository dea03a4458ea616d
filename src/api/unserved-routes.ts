import { notImplemented } from '#base/errors';
import { type Route, route } from '#http/route';
import { DOCKER_ROUTES, UNDESCRIBED_ROUTES } from './docker-routes.ts';

/** What `docker build` asks for with BuildKit. */
const BUILDING = ['POST /session', 'POST /grpc'];
const BUILD_HINT = 'The same client builds here with DOCKER_BUILDKIT=0';

/** A route that says so for each method and path of the Engine API that `served` leaves out: 501, never 404. */
export function unservedRoutes(served: readonly Route[]): Route[] {
  const known = new Set(served.map(({ method, pattern }) => shape(`${method} ${pattern}`)));
  return [...DOCKER_ROUTES, ...UNDESCRIBED_ROUTES]
    .filter(endpoint => !known.has(shape(endpoint)))
    .map(endpoint => {
      const [method = '', pattern = ''] = endpoint.split(' ', 2);
      return route(method, pattern, {}, () => {
        throw notImplemented(BUILDING.includes(endpoint) ? `${endpoint}. ${BUILD_HINT}` : endpoint);
      });
    });
}

/** Names in braces differ between descriptions of the same route. */
function shape(endpoint: string): string {
  return endpoint.replaceAll(/\{\w+\}/g, '{}');
}
