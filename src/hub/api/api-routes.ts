import type { Route } from '#http/route';
import { accessTokenRoutes } from './access-token-routes.ts';
import { organizationRoutes } from './organization-routes.ts';
import { ownRoutes } from './own-routes.ts';
import { repositoryRoutes } from './repository-routes.ts';
import { searchRoutes } from './search-routes.ts';
import { type SignInRoutesDeps, signInRoutes } from './sign-in-routes.ts';

/** All of the JSON API. */
export function apiRoutes(deps: SignInRoutesDeps): Route[] {
  return [
    ...signInRoutes(deps),
    ...searchRoutes(deps),
    ...repositoryRoutes(deps),
    ...organizationRoutes(deps),
    ...accessTokenRoutes(deps),
    ...ownRoutes(deps),
  ];
}
