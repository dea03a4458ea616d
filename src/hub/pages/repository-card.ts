import type { HubRepository } from '../hub-records.ts';
import { counted, roughCount, shortCount } from './format.ts';
import { type Html, html } from './html.ts';
import { icons } from './icons.ts';
import { officialMark, privateMark, tile, time } from './parts.ts';
import { displayName, paths } from './paths.ts';

/** A repository in a list of what there is to pull. */
export function repositoryCard(repository: HubRepository, now: number): Html {
  const { name, namespace, description, category, isOfficial, isPrivate } = repository;
  const href = paths.repository(name);
  return html`<li class="card">
    <div class="card-head">
      ${tile(name)}
      <div class="card-name">
        <h3><a href="${href}">${displayName(name)}</a></h3>
        <p class="card-by">${isOfficial ? officialMark : html`<span>by <a href="${paths.namespace(namespace)}">${namespace}</a></span>`} ${isPrivate && privateMark}
          ${repository.pushedAt !== undefined && html`<span><span class="hidden">Updated</span> ${time(repository.pushedAt, now)}</span>`}</p>
      </div>
    </div>
    <p class="card-text">${description === '' ? html`<span class="soft">No description</span>` : description}</p>
    <p class="card-meta">${category !== undefined ? html`<span class="chip">${category}</span>` : repository.pushedAt === undefined && 'Nothing pushed yet'}</p>
    <div class="card-foot">
      ${stats(repository)}
      <a class="details" href="${href}" aria-label="Details of ${displayName(name)}">Details</a>
    </div>
  </li>`;
}

/** Stars and pulls, short, with the full numbers for whoever points at them. */
export function stats({ stars, pulls }: Pick<HubRepository, 'stars' | 'pulls'>): Html {
  return html`<span class="stats">
    <span title="${counted(stars, 'star')}">${icons.star}<span class="hidden">Stars:</span> ${shortCount(stars)}</span>
    <span title="${counted(pulls, 'pull')}">${icons.pulls}<span class="hidden">Pulls:</span> ${roughCount(pulls)}</span>
  </span>`;
}

export function repositoryCards(repositories: readonly HubRepository[], now: number): Html {
  return html`<ul class="cards">${repositories.map(repository => repositoryCard(repository, now))}</ul>`;
}

/** A repository in a list of somebody's own: one line each. */
export function repositoryRow(repository: HubRepository, now: number): Html {
  const { name, description, isOfficial, isPrivate, category } = repository;
  return html`<li class="row">
    ${tile(name)}
    <div class="row-main">
      <h3><a href="${paths.repository(name)}">${isOfficial ? displayName(name) : name}</a> ${isOfficial && officialMark} ${isPrivate && privateMark}</h3>
      <p>${description === '' ? html`<span class="soft">No description</span>` : description}</p>
      <p class="soft small">${repository.pushedAt === undefined ? 'Nothing pushed yet' : html`Pushed ${time(repository.pushedAt, now)}`}${category !== undefined && html` · ${category}`}</p>
    </div>
    ${stats(repository)}
  </li>`;
}
