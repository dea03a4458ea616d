import type { RepositoryOrder } from '../hub-services.ts';
import { type PageDocument, page } from './answer.ts';
import { ORDERS, orderForm, PAGE_SIZE } from './explore-page.ts';
import { type Html, html } from './html.ts';
import { command, emptyState, pager, rangeOf, tabs } from './parts.ts';
import { withQuery } from './paths.ts';
import { repositoryCards } from './repository-card.ts';
import type { Visit } from './visit.ts';

const BEST = { value: 'best', label: 'Best match' };

/** What was looked for by words; without words, everything. */
export function searchPage(visit: Visit): PageDocument {
  const text = visit.query('q').trim();
  const isOfficial = visit.query('official') === '1';
  const order = ORDERS.find(({ value }) => value === visit.query('order'))?.value;
  const found = visit.services.repositories.search(visit.viewer, {
    ...(text === '' ? {} : { text }),
    ...(isOfficial ? { isOfficial } : {}),
    ...orderWanted(order, text),
    page: visit.pageNumber,
    pageSize: PAGE_SIZE,
  });
  const kept = { q: text, official: isOfficial ? '1' : undefined, order };
  const title = text === '' ? 'All repositories' : `Results for “${text}”`;
  return page(
    title,
    html`<div class="page-head"><h1>${title}</h1></div>
    ${tabs('Kinds of repositories', [
      { href: withQuery('/search', { ...kept, official: undefined }), label: 'All', isCurrent: !isOfficial },
      { href: withQuery('/search', { ...kept, official: '1' }), label: 'Official', isCurrent: isOfficial },
    ])}
    <div class="list-head">
      <p class="soft">${rangeOf(found, 'repository', 'repositories')}</p>
      ${orderForm('/search', order ?? BEST.value, { q: text, official: kept.official }, text === '' ? ORDERS : [BEST, ...ORDERS])}
    </div>
    ${found.items.length > 0 ? repositoryCards(found.items, visit.now) : nothing(visit, text)}
    ${pager(found, '/search', kept)}`,
    { section: 'explore' },
  );
}

function orderWanted(order: RepositoryOrder | undefined, text: string): { readonly order?: RepositoryOrder } {
  if (order !== undefined) return { order };
  return text === '' ? { order: 'pulls' } : {};
}

function nothing({ host, viewer }: Visit, text: string): Html {
  return emptyState(
    'Nothing found',
    html`<p>${text === '' ? 'There is no repository that you may see.' : html`No repository has “${text}” in its name or description.`}
    ${!viewer && html`Private repositories show once you <a href="/login">sign in</a>.`}</p>
    <p>From a command line, the same search is</p>
    ${command(`docker search ${host}/${/^[\w./-]+$/.test(text) ? text : 'nginx'}`)}
    <p><a class="button" href="/explore">Explore what there is</a></p>`,
  );
}
