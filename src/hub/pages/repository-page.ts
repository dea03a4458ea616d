import type { TagRecord } from '#registry/repository-catalog';
import type { HubRepository } from '../hub-records.ts';
import { type Answer, page, redirect } from './answer.ts';
import { byteSize, counted, fullCount, platformName, roughCount, shortCount, shortDigest } from './format.ts';
import { type Content, type Html, html } from './html.ts';
import { icons } from './icons.ts';
import { renderMarkdown } from './markdown.ts';
import { command, emptyState, officialMark, pager, privateMark, tabs, tile, time } from './parts.ts';
import { displayName, paths, withQuery } from './paths.ts';
import type { Visit } from './visit.ts';

const TAGS_PER_PAGE = 25;
const RECENT_TAGS = 5;

/** A repository as everybody sees it who may: what it is, how to pull it, its tags. */
export function repositoryPage(visit: Visit, name: string): Answer {
  const { services, viewer } = visit;
  const repository = services.repositories.get(viewer, name);
  const tags = services.repositories.tags(viewer, name);
  const isTags = visit.query('tab') === 'tags';
  const address = paths.repository(name);
  return page(
    displayName(name),
    html`${head(visit, repository)}
    ${tabs('Parts of the repository', [
      { href: address, label: 'Overview', isCurrent: !isTags },
      {
        href: paths.tags(name),
        label: html`Tags <span class="count">${fullCount(tags.length)}</span>`,
        isCurrent: isTags,
      },
    ])}
    <div class="with-side right">
      <section>${isTags ? tagList(visit, repository, tags) : overview(visit, repository)}</section>
      <aside class="side" aria-label="About">${about(visit, repository, tags)}</aside>
    </div>`,
    { section: 'explore' },
  );
}

/** Sets or takes a star, and goes back. */
export function submitStar(visit: Visit): Answer {
  const name = visit.form.text('name');
  visit.account();
  visit.services.repositories.star(visit.viewer, name, { isStarred: visit.form.text('star') === '1' });
  return redirect(paths.repository(name));
}

function head(visit: Visit, repository: HubRepository): Html {
  const { name, namespace, description, isOfficial, isPrivate } = repository;
  return html`<header class="repo-head">
    ${tile(name, 'large')}
    <div class="repo-title">
      <h1>${displayName(name)} ${isOfficial && officialMark} ${isPrivate && privateMark}</h1>
      <p class="lead">${description === '' ? html`<span class="soft">No description</span>` : description}</p>
      <p class="meta">
        <span>By <a href="${paths.namespace(namespace)}">${namespace}</a></span>
        <span>${icons.clock} ${repository.pushedAt === undefined ? 'Nothing pushed yet' : html`Last pushed ${time(repository.pushedAt, visit.now)}`}</span>
        <span title="${counted(repository.pulls, 'pull')}">${icons.pulls} ${roughCount(repository.pulls)} ${repository.pulls === 1 ? 'pull' : 'pulls'}</span>
        ${categoryLink(repository)}
      </p>
    </div>
    <div class="repo-actions">${starButton(visit, repository)}${manageLink(visit, name)}</div>
  </header>`;
}

function categoryLink({ category }: HubRepository): Content {
  if (category === undefined) return undefined;
  return html`<a class="chip" href="${withQuery('/explore', { show: 'all', category })}"><span class="hidden">Category:</span> ${category}</a>`;
}

function starButton(visit: Visit, { name, stars }: HubRepository): Html {
  const count = html`<span class="count" title="${fullCount(stars)}">${shortCount(stars)}</span>`;
  if (!visit.viewer) {
    return html`<a class="button" href="${withQuery('/login', { next: paths.repository(name) })}">${icons.star} Star ${count}</a>`;
  }
  const isStarred = visit.services.repositories.isStarred(visit.viewer, name);
  return html`<form method="post" action="/star">${visit.formField()}
    <input type="hidden" name="name" value="${name}"><input type="hidden" name="star" value="${isStarred ? '0' : '1'}">
    <button class="button ${isStarred ? 'starred' : ''}" type="submit">${isStarred ? icons.starFull : icons.star} ${isStarred ? 'Starred' : 'Star'} ${count}</button>
  </form>`;
}

function manageLink({ services, viewer }: Visit, name: string): Content {
  if (!viewer || services.repositories.permission(viewer, name) !== 'admin') return undefined;
  return html`<a class="button" href="${paths.manage(name)}">${icons.gear} Manage</a>`;
}

function overview(visit: Visit, repository: HubRepository): Html {
  const { name, overview: text } = repository;
  if (text.trim() !== '') return html`<article class="prose panel">${renderMarkdown(text)}</article>`;
  const isOwner = visit.services.repositories.permission(visit.viewer, name) === 'admin';
  return emptyState(
    'No overview yet',
    isOwner
      ? html`<p>Say what the image is for and how to run it: versions, variables, volumes, ports. Markdown is welcome.</p>
        <p><a class="button primary" href="${paths.manage(name)}">Write the overview</a></p>`
      : html`<p>Its owners have not written one. The <a href="${paths.tags(name)}">tags</a> say what there is to pull.</p>`,
  );
}

function about(visit: Visit, repository: HubRepository, tags: readonly TagRecord[]): Html {
  const { name } = repository;
  const first = tags.find(({ tag }) => tag === 'latest') ?? tags[0];
  return html`<section class="panel">
      <h2>Pull</h2>
      ${
        first
          ? command(`docker pull ${pullName(visit, name, first.tag)}`, 'Command to pull')
          : html`<p class="soft">There is nothing to pull yet.</p>${pushHint(visit, repository)}`
      }
    </section>
    <section class="panel">
      <h2>About</h2>
      <dl class="facts">
        <dt>Last pushed</dt><dd>${time(repository.pushedAt, visit.now)}</dd>
        <dt>Created</dt><dd>${time(repository.createdAt, visit.now)}</dd>
        <dt>Category</dt><dd>${repository.category ?? 'None'}</dd>
        <dt>Size</dt><dd>${byteSize(repository.sizeBytes)}</dd>
        <dt>Pulls</dt><dd>${fullCount(repository.pulls)}</dd>
        <dt>Stars</dt><dd>${fullCount(repository.stars)}</dd>
      </dl>
    </section>
    ${tags.length > 0 && visit.query('tab') !== 'tags' && recentTags(visit, name, tags)}`;
}

function pushHint(visit: Visit, { name }: HubRepository): Content {
  const may = visit.viewer && visit.services.repositories.permission(visit.viewer, name);
  if (may !== 'write' && may !== 'admin') return undefined;
  return html`<p>Push the first image:</p>${command(`docker push ${pullName(visit, name)}`, 'Command to push')}`;
}

function recentTags({ now }: Visit, name: string, tags: readonly TagRecord[]): Html {
  return html`<section class="panel">
    <h2>Recent tags</h2>
    <ul class="short-list">${tags
      .slice(0, RECENT_TAGS)
      .map(
        ({ tag, pushedAt }) =>
          html`<li><code>${tag}</code> <span class="soft">${time(pushedAt, now)}</span></li>`,
      )}</ul>
    <a href="${paths.tags(name)}">All tags</a>
  </section>`;
}

function tagList(visit: Visit, repository: HubRepository, tags: readonly TagRecord[]): Html {
  if (tags.length === 0) {
    return emptyState(
      'No tags yet',
      html`<p>A tag comes with the first push.</p>${pushHint(visit, repository)}`,
    );
  }
  const words = visit.query('tag').trim().toLowerCase();
  const matching = tags.filter(({ tag }) => tag.toLowerCase().includes(words));
  const page = Math.min(visit.pageNumber, Math.max(1, Math.ceil(matching.length / TAGS_PER_PAGE)));
  const items = matching.slice((page - 1) * TAGS_PER_PAGE, page * TAGS_PER_PAGE);
  return html`<form class="filter" method="get" action="${paths.repository(repository.name)}">
      <input type="hidden" name="tab" value="tags">
      <label class="hidden" for="tag">Find a tag</label>
      <input id="tag" type="search" name="tag" value="${visit.query('tag')}" placeholder="Find a tag" autocomplete="off" spellcheck="false">
      <button type="submit" class="button">Find</button>
    </form>
    ${items.length === 0 && emptyState('No such tag', html`<p><a href="${paths.tags(repository.name)}">Show all tags</a></p>`)}
    <ul class="tags">${items.map(tag => tagPanel(visit, repository.name, tag))}</ul>
    ${pager(
      { items, total: matching.length, page, pageSize: TAGS_PER_PAGE },
      paths.repository(repository.name),
      {
        tab: 'tags',
        tag: words,
      },
    )}`;
}

function tagPanel(visit: Visit, name: string, tag: TagRecord): Html {
  return html`<li class="panel tag">
    <div class="tag-head">
      <h3>${icons.tag} ${tag.tag}</h3>
      <p class="soft">Pushed ${time(tag.pushedAt, visit.now)}${tag.pushedBy !== undefined && html` by <a href="${paths.namespace(tag.pushedBy)}">${tag.pushedBy}</a>`}</p>
    </div>
    ${command(`docker pull ${pullName(visit, name, tag.tag)}`, 'Command to pull')}
    <dl class="facts across">
      <div><dt>Digest</dt><dd><code title="${tag.digest}">${shortDigest(tag.digest)}</code></dd></div>
      <div><dt>Platforms</dt><dd>${platforms(tag)}</dd></div>
      <div><dt>Compressed size</dt><dd>${byteSize(tag.sizeBytes)}</dd></div>
      <div><dt>Last pulled</dt><dd>${time(tag.pulledAt, visit.now)}</dd></div>
    </dl>
  </li>`;
}

function platforms({ platforms: all }: TagRecord): Content {
  if (all.length === 0) return '–';
  return all.map(platform => html`<span class="platform">${platformName(platform)}</span> `);
}

/** What follows `docker pull`. */
export function pullName({ host }: Pick<Visit, 'host'>, name: string, tag?: string): string {
  return `${host}/${name}${tag === undefined ? '' : `:${tag}`}`;
}
