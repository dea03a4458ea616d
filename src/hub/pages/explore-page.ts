import { CATEGORIES } from '../categories.ts';
import type { RepositoryOrder, RepositoryQuery } from '../hub-services.ts';
import { type PageDocument, page } from './answer.ts';
import { attribute, type Html, html } from './html.ts';
import { type Choice, command, emptyState, options, pager, rangeOf, tabs } from './parts.ts';
import { withQuery } from './paths.ts';
import { repositoryCards } from './repository-card.ts';
import type { Visit } from './visit.ts';

export const PAGE_SIZE = 24;

export const ORDERS: readonly (Choice & { readonly value: RepositoryOrder })[] = [
  { value: 'pulls', label: 'Most pulled' },
  { value: 'stars', label: 'Most stars' },
  { value: 'pushed', label: 'Recently updated' },
  { value: 'name', label: 'Name' },
];

/** What there is to pull: the official repositories first, all others beside them. */
export function explorePage(visit: Visit): PageDocument {
  const { services, viewer } = visit;
  const isAll = visit.query('show') === 'all';
  const category = CATEGORIES.find(known => known === visit.query('category'));
  const order = orderOf(visit.query('order'));
  const query: RepositoryQuery = {
    ...(isAll ? {} : { isOfficial: true }),
    ...(category === undefined ? {} : { category }),
    order,
    page: visit.pageNumber,
    pageSize: PAGE_SIZE,
  };
  const found = services.repositories.search(viewer, query);
  const kept = {
    show: isAll ? 'all' : undefined,
    category,
    order: order === 'pulls' ? undefined : order,
  };
  return page(
    'Explore',
    html`${hero(visit)}
    <div class="with-side">
      <aside class="side" aria-label="Filters">${categoryLinks(kept)}</aside>
      <section aria-labelledby="list-title">
        ${tabs('Kinds of repositories', [
          { href: withQuery('/explore', { ...kept, show: undefined }), label: 'Official', isCurrent: !isAll },
          {
            href: withQuery('/explore', { ...kept, show: 'all' }),
            label: 'All repositories',
            isCurrent: isAll,
          },
        ])}
        <div class="list-head">
          <div><h2 id="list-title">${isAll ? 'All Repositories' : 'Official Repositories'}</h2>
          <p class="soft">${rangeOf(found, 'repository', 'repositories')}${category !== undefined && html` in ${category}`}</p></div>
          ${orderForm('/explore', order, { show: kept.show, category })}
        </div>
        ${found.items.length > 0 ? repositoryCards(found.items, visit.now) : nothing(visit, { isAll, category })}
        ${pager(found, '/explore', kept)}
      </section>
    </div>`,
    { section: 'explore' },
  );
}

export function orderOf(text: string): RepositoryOrder {
  return ORDERS.find(({ value }) => value === text)?.value ?? 'pulls';
}

/** The order of a list, as a form that works without scripts. */
export function orderForm(
  action: string,
  current: string,
  kept: Readonly<Record<string, string | undefined>>,
  choices: readonly Choice[] = ORDERS,
): Html {
  return html`<form class="order" method="get" action="${action}">
    ${Object.entries(kept).map(
      ([name, value]) => value !== undefined && html`<input type="hidden" name="${name}" value="${value}">`,
    )}
    <label for="order">Order</label>
    <select id="order" name="order" data-submit>${options(choices, current)}</select>
    <button type="submit" class="button quiet">Apply</button>
  </form>`;
}

function hero({ viewer, host }: Visit): Html {
  return html`<section class="hero">
    <div>
      <h1>Explore container images</h1>
      <p>Official images to build on, and everything your teams share. Pull them with any Docker client.</p>
    </div>
    ${!viewer && html`<div class="hero-side">${command(`docker login ${host}`, 'Command to sign in')}</div>`}
  </section>`;
}

function categoryLinks(kept: Readonly<Record<string, string | undefined>>): Html {
  const link = (category: string | undefined, text: string): Html =>
    html`<li><a href="${withQuery('/explore', { ...kept, category })}" ${attribute('aria-current', kept['category'] === category ? 'true' : undefined)}>${text}</a></li>`;
  return html`<details class="filters" open><summary><h2>Categories</h2></summary><ul>
    ${link(undefined, 'All categories')}
    ${CATEGORIES.map(category => link(category, category))}
  </ul></details>`;
}

function nothing(
  { host, viewer }: Visit,
  { isAll, category }: { readonly isAll: boolean; readonly category: string | undefined },
): Html {
  if (category !== undefined) {
    return emptyState(
      'Nothing in this category',
      html`<p>No repository that you may see is filed under “${category}”.</p>
      <p><a class="button" href="${withQuery('/explore', { show: isAll ? 'all' : undefined })}">Show all categories</a></p>`,
    );
  }
  if (isAll) {
    return emptyState(
      'No repositories yet',
      html`<p>The first push makes one. Sign in with your client, give an image a name on this hub, and push it:</p>
      ${command(`docker login ${host}`)}
      ${command(`docker tag my-app ${host}/${viewer?.name ?? 'NAME'}/my-app`)}
      ${command(`docker push ${host}/${viewer?.name ?? 'NAME'}/my-app`)}`,
    );
  }
  return emptyState(
    'No official repositories yet',
    html`<p>Administrators of this hub keep them, in the namespace <code>library</code>. One push makes the first:</p>
    ${command(`docker tag nginx ${host}/library/nginx`)}
    ${command(`docker push ${host}/library/nginx`)}`,
  );
}
