import { EngineError } from '#base/errors';
import type { HubRepository } from '../hub-records.ts';
import { type PageDocument, page } from './answer.ts';
import { type Html, html } from './html.ts';
import { officialMark, privateMark, tabs, tile, time } from './parts.ts';
import { displayName, type ManagePage, paths } from './paths.ts';
import type { Visit } from './visit.ts';

const PAGES: readonly (readonly [ManagePage, string])[] = [
  ['general', 'General'],
  ['tags', 'Tags'],
  ['collaborators', 'Collaborators'],
  ['webhooks', 'Webhooks'],
  ['settings', 'Settings'],
];

/**
 * The frame of the pages with which owners look after a repository.
 *
 * @throws {EngineError} `unauthorized` for strangers, `notFound` for what the viewer may not see, `forbidden` without rights.
 */
export function manageFrame(
  visit: Visit,
  current: ManagePage,
  body: (repository: HubRepository) => Html,
): PageDocument {
  const account = visit.account();
  const { repositories } = visit.services;
  const name = visit.param('name');
  const repository = repositories.get(account, name);
  if (repositories.permission(account, name) !== 'admin') {
    throw new EngineError('forbidden', `Only those who own ${name} may change it.`);
  }
  return page(
    displayName(name),
    html`<header class="repo-head">
      ${tile(name, 'large')}
      <div class="repo-title">
        <p class="crumbs"><a href="/dashboard">Your repositories</a> / <a href="${paths.namespace(repository.namespace)}">${repository.namespace}</a></p>
        <h1>${displayName(name)} ${repository.isOfficial && officialMark} ${repository.isPrivate && privateMark}</h1>
        <p class="meta"><span>${repository.pushedAt === undefined ? 'Nothing pushed yet' : html`Last pushed ${time(repository.pushedAt, visit.now)}`}</span></p>
      </div>
      <div class="repo-actions"><a class="button" href="${paths.repository(name)}">See its page</a></div>
    </header>
    ${tabs(
      'Parts of the repository',
      PAGES.map(([href, label]) => ({
        href: paths.manage(name, href),
        label,
        isCurrent: href === current,
      })),
    )}
    ${body(repository)}`,
    { section: 'dashboard' },
  );
}
