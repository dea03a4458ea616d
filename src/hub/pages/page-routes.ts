import type { FailedRequest } from '#http/http-server';
import type { BytesReply } from '#http/reply';
import type { Route } from '#http/route';
import type { HubServices } from '../hub-services.ts';
import { accessRoutes } from './access-pages.ts';
import { adminRoutes } from './admin-pages.ts';
import { redirect } from './answer.ts';
import { assetRoutes } from './assets.ts';
import { createRoutes } from './create-page.ts';
import { dashboardPage } from './dashboard-page.ts';
import { explorePage } from './explore-page.ts';
import { manageRoutes } from './manage-pages.ts';
import { namespacePage } from './namespace-page.ts';
import { organizationRoutes } from './organization-pages.ts';
import { paths } from './paths.ts';
import { repositoryPage, submitStar } from './repository-page.ts';
import { searchPage } from './search-page.ts';
import { settingsRoutes } from './settings-pages.ts';
import { signInRoutes } from './sign-in-pages.ts';
import { Site } from './site.ts';
import type { SiteOptions } from './site-options.ts';

/** The hub's web site. */
export function pageRoutes(services: HubServices, options: SiteOptions): readonly Route[] {
  const site = new Site({ services, options });
  return [
    ...assetRoutes(),
    ...site.get('/', visit => {
      if (visit.services.accounts.isEmpty()) return redirect('/setup');
      return visit.viewer ? dashboardPage(visit) : explorePage(visit);
    }),
    ...site.get('/explore', explorePage),
    ...site.get('/search', searchPage),
    ...site.get('/_/{name}', visit => repositoryPage(visit, `library/${visit.param('name')}`)),
    ...site.get('/r/{name}', visit => {
      const name = visit.param('name');
      return name.startsWith('library/') ? redirect(paths.repository(name)) : repositoryPage(visit, name);
    }),
    ...site.get('/u/{name}', namespacePage),
    ...site.get('/dashboard', dashboardPage),
    site.post('/star', submitStar),
    ...createRoutes(site),
    ...manageRoutes(site),
    ...accessRoutes(site),
    ...organizationRoutes(site),
    ...settingsRoutes(site),
    ...adminRoutes(site),
    ...signInRoutes(site),
  ];
}

/** The page for what went wrong where no page was found to say so. */
export function pageOfError(
  error: unknown,
  { headers }: FailedRequest,
  { services, options }: { readonly services: HubServices; readonly options: SiteOptions },
): BytesReply {
  return new Site({ services, options }).fail(error, {
    method: 'GET',
    headers,
    path: '/',
    query: {},
    params: {},
    peer: { address: '', isSecure: false },
  });
}
