import { EngineError } from '#base/errors';
import type { Route } from '#http/route';
import { CATEGORIES } from '../categories.ts';
import type { HubRepository } from '../hub-records.ts';
import { type Answer, type FormProblem, redirect } from './answer.ts';
import { CATEGORY_CHOICES, VISIBILITIES } from './create-page.ts';
import { FieldError } from './field-error.ts';
import { formProblem, radioField, selectField, textArea, textField } from './fields.ts';
import { byteSize, counted, fullCount, platformName, shortDigest } from './format.ts';
import { type Html, html } from './html.ts';
import { manageFrame } from './manage-frame.ts';
import { command, emptyState, pager, time } from './parts.ts';
import { paths, withQuery } from './paths.ts';
import { pullName } from './repository-page.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

const TAGS_PER_PAGE = 50;

/** What owners do with a repository: what it says of itself, its tags, whether it is seen, and its end. */
export function manageRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/repository/{name}/general', showGeneral),
    site.post('/repository/{name}/general', submitGeneral, showGeneral),
    ...site.get('/repository/{name}/tags', showTags),
    site.post('/repository/{name}/tags', submitTag, showTags),
    ...site.get('/repository/{name}/settings', showSettings),
    site.post('/repository/{name}/settings', submitVisibility, showSettings),
    site.post('/repository/{name}/delete', submitDelete, showSettings),
  ];
}

function showGeneral(visit: Visit, problem?: FormProblem): Answer {
  const { form } = visit;
  const isSent = form.has('description');
  return manageFrame(visit, 'general', repository => {
    const current = isSent
      ? {
          description: form.text('description'),
          overview: form.text('overview'),
          category: form.text('category'),
        }
      : repository;
    return html`<div class="with-side right">
      <section class="panel">${formProblem(problem)}
        <form method="post" action="${paths.manage(repository.name)}">${visit.formField()}
          ${textField({ name: 'description', label: 'Short description', value: current.description, hint: 'One line, shown in lists and found by the search.', maxLength: 100, problem })}
          ${selectField({ name: 'category', label: 'Category', value: current.category ?? '', choices: CATEGORY_CHOICES, problem })}
          ${textArea({
            name: 'overview',
            label: 'Overview',
            value: current.overview,
            rows: 16,
            maxLength: 25_000,
            hint: 'Markdown: headings, lists, tables, code. What the image is for, and how to run it.',
            problem,
          })}
          <p class="actions"><button class="button primary" type="submit">Save</button></p>
        </form>
      </section>
      <aside class="side" aria-label="About">${generalSide(visit, repository)}</aside>
    </div>`;
  });
}

function generalSide(visit: Visit, repository: HubRepository): Html {
  const tags = visit.services.repositories.tags(visit.viewer, repository.name);
  return html`<section class="panel"><h2>Push</h2>
      <p class="soft">A new tag, or a new image under one that is there:</p>
      ${command(`docker push ${pullName(visit, repository.name, 'TAG')}`, 'Command to push')}
    </section>
    <section class="panel"><h2>About</h2>
      <dl class="facts">
        <dt>Last pushed</dt><dd>${time(repository.pushedAt, visit.now)}</dd>
        <dt>Created</dt><dd>${time(repository.createdAt, visit.now)}</dd>
        <dt>Tags</dt><dd><a href="${paths.manage(repository.name, 'tags')}">${fullCount(tags.length)}</a></dd>
        <dt>Size</dt><dd>${byteSize(repository.sizeBytes)}</dd>
        <dt>Pulls</dt><dd>${fullCount(repository.pulls)}</dd>
        <dt>Stars</dt><dd>${fullCount(repository.stars)}</dd>
      </dl>
    </section>`;
}

function submitGeneral(visit: Visit): Answer {
  const { form, services } = visit;
  const name = visit.param('name');
  const category = form.text('category');
  services.repositories.update(visit.account(), name, {
    description: form.text('description'),
    overview: form.text('overview'),
    category: CATEGORIES.includes(category) ? category : '',
  });
  return redirect(withQuery(paths.manage(name), { done: 'saved' }));
}

function showTags(visit: Visit, problem?: FormProblem): Answer {
  return manageFrame(visit, 'tags', ({ name }) => {
    const tags = visit.services.repositories.tags(visit.viewer, name);
    if (tags.length === 0) {
      return emptyState(
        'No tags yet',
        html`<p>Push the first one:</p>${command(`docker push ${pullName(visit, name, 'latest')}`)}`,
      );
    }
    const page = Math.min(visit.pageNumber, Math.ceil(tags.length / TAGS_PER_PAGE));
    const items = tags.slice((page - 1) * TAGS_PER_PAGE, page * TAGS_PER_PAGE);
    return html`${formProblem(problem)}<p class="soft list-count">${counted(tags.length, 'tag')}</p>
    <div class="panel scroll" tabindex="0" role="region" aria-label="Tags"><table class="list">
      <thead><tr><th scope="col">Tag</th><th scope="col">Digest</th><th scope="col">Platforms</th><th scope="col">Size</th><th scope="col">Pushed</th><th scope="col"><span class="hidden">Delete</span></th></tr></thead>
      <tbody>${items.map(
        tag => html`<tr>
        <th scope="row"><code>${tag.tag}</code></th>
        <td><code title="${tag.digest}">${shortDigest(tag.digest)}</code></td>
        <td>${tag.platforms.map(platform => html`<span class="platform">${platformName(platform)}</span> `)}</td>
        <td>${byteSize(tag.sizeBytes)}</td>
        <td>${time(tag.pushedAt, visit.now)}${tag.pushedBy !== undefined && html` by ${tag.pushedBy}`}</td>
        <td class="end"><details class="confirm"><summary class="button quiet danger" aria-label="Delete ${tag.tag}">Delete</summary>
          <form method="post" action="${paths.manage(name, 'tags')}">${visit.formField()}
            <input type="hidden" name="tag" value="${tag.tag}">
            <p>Nobody can pull <code>${tag.tag}</code> any more.</p><button type="submit" class="button danger">Delete this tag</button></form></details></td>
      </tr>`,
      )}</tbody>
    </table></div>
    ${pager({ items, total: tags.length, page, pageSize: TAGS_PER_PAGE }, paths.manage(name, 'tags'))}`;
  });
}

function submitTag(visit: Visit): Answer {
  const name = visit.param('name');
  visit.services.repositories.removeTag(visit.account(), name, visit.form.text('tag'));
  return redirect(withQuery(paths.manage(name, 'tags'), { done: 'tag-deleted' }));
}

function showSettings(visit: Visit, problem?: FormProblem): Answer {
  return manageFrame(visit, 'settings', ({ name, isPrivate, isOfficial }) => {
    const current = isPrivate ? 'private' : 'public';
    return html`${formProblem(problem)}
    <section class="panel"><h2>Visibility</h2>
      ${
        isOfficial
          ? html`<p>Official repositories are seen by everybody.</p>`
          : html`<form method="post" action="${paths.manage(name, 'settings')}">${visit.formField()}
        ${radioField({ name: 'visibility', label: 'Who can see and pull it', value: visit.form.text('visibility') || current, choices: VISIBILITIES })}
        <p class="actions"><button class="button primary" type="submit">Save</button></p>
      </form>`
      }
    </section>
    <section class="panel danger-zone"><h2>Delete this repository</h2>
      <p>Its tags, images, overview, stars and rights go with it. This can not be undone.</p>
      <form method="post" action="/repository/${name}/delete">${visit.formField()}
        ${textField({ name: 'confirm', label: `Type ${name} to confirm`, value: visit.form.text('confirm'), isRequired: true, maxLength: 300, problem })}
        <p class="actions"><button class="button danger" type="submit">Delete this repository</button></p>
      </form>
    </section>`;
  });
}

function submitVisibility(visit: Visit): Answer {
  const name = visit.param('name');
  const visibility = visit.form.text('visibility');
  if (!VISIBILITIES.some(({ value }) => value === visibility)) {
    throw new EngineError('invalid', 'choose whether the repository is public or private');
  }
  visit.services.repositories.update(visit.account(), name, { isPrivate: visibility === 'private' });
  return redirect(withQuery(paths.manage(name, 'settings'), { done: 'saved' }));
}

function submitDelete(visit: Visit): Answer {
  const name = visit.param('name');
  const account = visit.account();
  if (visit.form.text('confirm').trim() !== name) {
    throw new FieldError('confirm', `This is not the name of the repository: it is called ${name}`);
  }
  visit.services.repositories.remove(account, name);
  return redirect('/dashboard?done=deleted');
}
