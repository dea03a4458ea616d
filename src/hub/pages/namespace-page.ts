import { EngineError } from '#base/errors';
import { type Answer, page } from './answer.ts';
import { counted } from './format.ts';
import { html } from './html.ts';
import { emptyState, officialMark, pager, tile, time } from './parts.ts';
import { paths } from './paths.ts';
import { repositoryCards } from './repository-card.ts';
import type { Visit } from './visit.ts';

const PAGE_SIZE = 24;

/** An account or an organization as others see it: who it is, and its repositories. */
export function namespacePage(visit: Visit): Answer {
  const name = visit.param('name');
  const { services, viewer } = visit;
  const organization = services.organizations.find(name);
  const account = organization ? undefined : services.accounts.find(name);
  const isLibrary = name === 'library';
  const found = services.repositories.search(viewer, {
    namespace: name,
    order: 'pulls',
    page: visit.pageNumber,
    pageSize: PAGE_SIZE,
  });
  const owner = organization ?? account;
  if (!owner && !isLibrary) throw new EngineError('notFound', `no account ${name}`);
  const fullName = owner?.fullName ?? '';
  const isMember =
    viewer !== undefined && services.organizations.mine(viewer).some(mine => mine.name === name);
  return page(
    name,
    html`<header class="repo-head">
      ${tile(name, 'large')}
      <div class="repo-title">
        <h1>${fullName === '' ? name : fullName} ${isLibrary && officialMark}</h1>
        <p class="lead soft">${organization ? 'Organization' : isLibrary ? 'The official repositories, kept by the administrators of this hub' : 'Account'} <code>${name}</code></p>
        ${owner && html`<p class="meta"><span>Joined ${time(owner.createdAt, visit.now)}</span><span>${counted(found.total, 'repository', 'repositories')}</span></p>`}
      </div>
      ${isMember && html`<div class="repo-actions"><a class="button" href="${paths.organization(name)}">Members and teams</a></div>`}
      ${viewer && viewer.name === name && html`<div class="repo-actions"><a class="button" href="/settings/profile">Edit profile</a></div>`}
    </header>
    <h2 class="hidden">Repositories</h2>
    ${found.items.length > 0 ? repositoryCards(found.items, visit.now) : emptyState('No repositories', html`<p>There is none that you may see.</p>`)}
    ${pager(found, paths.namespace(name))}`,
    { section: 'explore' },
  );
}
