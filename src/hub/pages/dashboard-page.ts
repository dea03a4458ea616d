import type { Activity } from '../hub-records.ts';
import { type Answer, page } from './answer.ts';
import { counted } from './format.ts';
import { type Content, type Html, html } from './html.ts';
import { icons } from './icons.ts';
import { command, emptyState, pager, tabs, time } from './parts.ts';
import { displayName, paths, withQuery } from './paths.ts';
import { repositoryRow } from './repository-card.ts';
import type { Visit } from './visit.ts';

const PAGE_SIZE = 20;
const RECENT = 12;

/** What an account comes back to: its repositories, and what happened to them. */
export function dashboardPage(visit: Visit): Answer {
  const account = visit.account();
  const { repositories, organizations } = visit.services;
  const namespaces = [
    ...new Set([...repositories.namespaces(account), ...organizations.mine(account).map(({ name }) => name)]),
  ];
  const namespace = namespaces.find(known => known === visit.query('namespace')) ?? account.name;
  const found = repositories.search(account, {
    namespace,
    order: 'pushed',
    page: visit.pageNumber,
    pageSize: PAGE_SIZE,
  });
  const activity = repositories.activity(account, { limit: RECENT });
  const greeting = visit.query('done') === 'welcome' ? 'Hello' : 'Welcome back';
  return page(
    'Dashboard',
    html`<div class="page-head">
      <div><h1>Dashboard</h1><p class="soft">${greeting}, ${account.fullName || account.name}.</p></div>
      <a class="button primary" href="/repository/create">${icons.plus} Create repository</a>
    </div>
    <div class="with-side right">
      <section aria-labelledby="own">
        <h2 id="own">Your repositories</h2>
        ${
          namespaces.length > 1 &&
          tabs(
            'Namespaces',
            namespaces.map(name => ({
              href: withQuery('/dashboard', { namespace: name === account.name ? undefined : name }),
              label: name,
              isCurrent: name === namespace,
            })),
          )
        }
        ${
          found.items.length === 0
            ? firstSteps(visit, namespace)
            : html`<p class="soft list-count">${counted(found.total, 'repository', 'repositories')} in <code>${namespace}</code></p>
        <ul class="rows panel">${found.items.map(repository => repositoryRow(repository, visit.now))}</ul>`
        }
        ${pager(found, '/dashboard', { namespace: namespace === account.name ? undefined : namespace })}
      </section>
      <aside class="side" aria-label="Recent activity">
        <section class="panel"><h2>Recent activity</h2>${activityList(activity, visit.now)}</section>
      </aside>
    </div>`,
    { section: 'dashboard' },
  );
}

/** How the first image comes onto the hub. */
function firstSteps({ host, viewer }: Visit, namespace: string): Html {
  const name = `${host}/${namespace}/my-app`;
  return emptyState(
    'Push your first image',
    html`<p>A push makes its repository: there is nothing to set up before.</p>
    <ol class="steps">
      <li><h3>Sign in with your client</h3><p>Use your password, or better an <a href="/settings/tokens">access token</a>.</p>${command(`docker login -u ${viewer?.name ?? 'NAME'} ${host}`)}</li>
      <li><h3>Give an image its name here</h3>${command(`docker tag my-app ${name}`)}</li>
      <li><h3>Push it</h3>${command(`docker push ${name}`)}</li>
    </ol>`,
  );
}

const VERBS: Readonly<Record<Activity['type'], string>> = {
  push: 'pushed',
  delete: 'deleted',
  create: 'created',
};

function activityList(activity: readonly Activity[], now: number): Content {
  if (activity.length === 0)
    return html`<p class="soft">Pushes and changes to your repositories will show here.</p>`;
  return html`<ul class="activity">${activity.map(
    ({ at, account, type, repository, tag }) => html`<li class="act-${type}">
      <p><strong>${account ?? 'somebody'}</strong> ${VERBS[type]} <a href="${paths.repository(repository)}">${displayName(repository)}</a>${tag !== undefined && html`<code>:${tag}</code>`}</p>
      <p class="soft small">${time(at, now)}</p>
    </li>`,
  )}</ul>`;
}
