import { EngineError, isKind } from '#base/errors';
import type { Organization, OrganizationRole, Team } from '../hub-records.ts';
import { type Answer, type FormProblem, page } from './answer.ts';
import { VISIBILITIES } from './create-page.ts';
import { formProblem, radioField, selectField, textField } from './fields.ts';
import { counted } from './format.ts';
import { flag, type Html, html } from './html.ts';
import { icons } from './icons.ts';
import { emptyState, options, pager, tabs, tile } from './parts.ts';
import { paths, withQuery } from './paths.ts';
import { repositoryRow } from './repository-card.ts';
import type { Visit } from './visit.ts';

const PAGE_SIZE = 20;

const ROLES = [
  { value: 'member', label: 'Member' },
  { value: 'owner', label: 'Owner' },
];

interface View {
  readonly visit: Visit;
  readonly organization: Organization;
  readonly isOwner: boolean;
  readonly problem: FormProblem | undefined;
}

const TABS: Readonly<Record<string, readonly [label: string, show: (view: View) => Html]>> = {
  repositories: ['Repositories', repositories],
  members: ['Members', members],
  teams: ['Teams', teams],
  settings: ['Settings', settings],
};

/** The tab of a form that comes back. */
const TAB_OF_FORM: Readonly<Record<string, string>> = {
  members: 'members',
  teams: 'teams',
  team: 'teams',
  defaults: 'settings',
  delete: 'settings',
};

/** An organization as its members see it. Others are shown its page as a namespace. */
export function organizationPage(visit: Visit, problem?: FormProblem): Answer {
  const account = visit.account();
  const name = visit.param('name');
  const { organizations } = visit.services;
  const organization = organizations.find(name);
  const mine = organizations.mine(account).find(known => known.name === name);
  if (!organization || !(mine || account.isAdmin)) {
    throw new EngineError('notFound', `no organization ${name}`);
  }
  const isOwner = mine?.role === 'owner' || account.isAdmin;
  const [, , , form = ''] = visit.path.split('/'); // the organization may have the name of a form
  const wanted = (Object.hasOwn(TAB_OF_FORM, form) && TAB_OF_FORM[form]) || visit.query('tab');
  const current = Object.hasOwn(TABS, wanted) && (isOwner || wanted !== 'settings') ? wanted : 'repositories';
  const shown = Object.entries(TABS).filter(([key]) => isOwner || key !== 'settings');
  const view: View = { visit, organization, isOwner, problem };
  return page(
    name,
    html`<header class="repo-head">
      ${tile(name, 'large')}
      <div class="repo-title">
        <p class="crumbs"><a href="/organizations">Organizations</a></p>
        <h1>${organization.fullName || name}</h1>
        <p class="meta"><span><code>${name}</code></span><span>You are ${mine?.role === 'owner' ? 'an owner' : mine ? 'a member' : 'an administrator of this hub'}</span></p>
      </div>
      <div class="repo-actions"><a class="button" href="${paths.namespace(name)}">See its page</a></div>
    </header>
    ${tabs(
      'Parts of the organization',
      shown.map(([key, [label]]) => ({
        href: withQuery(paths.organization(name), { tab: key === 'repositories' ? undefined : key }),
        label,
        isCurrent: key === current,
      })),
    )}
    ${formProblem(problem)}
    ${TABS[current]?.[1](view)}`,
    { section: 'organizations' },
  );
}

function repositories({ visit, organization: { name } }: View): Html {
  const found = visit.services.repositories.search(visit.viewer, {
    namespace: name,
    order: 'pushed',
    page: visit.pageNumber,
    pageSize: PAGE_SIZE,
  });
  const create = html`<a class="button primary" href="${withQuery('/repository/create', { namespace: name })}">${icons.plus} Create repository</a>`;
  if (found.items.length === 0) {
    return emptyState(
      'No repositories yet',
      html`<p>Make one here, or push: <code>docker push ${visit.host}/${name}/my-app</code></p><p>${create}</p>`,
    );
  }
  return html`<div class="list-head"><p class="soft">${counted(found.total, 'repository', 'repositories')}</p>${create}</div>
    <ul class="rows panel">${found.items.map(repository => repositoryRow(repository, visit.now))}</ul>
    ${pager(found, paths.organization(name))}`;
}

function members({ visit, organization: { name }, isOwner, problem }: View): Html {
  const all = visit.services.organizations.members(visit.viewer, name);
  const action = `${paths.organization(name)}/members`;
  const { form } = visit;
  const list = html`<section class="panel"><h2>${counted(all.length, 'member')}</h2>
    <ul class="rows">${all.map(
      ({ account, role }) => html`<li class="row">
      ${tile(account, 'small')}
      <div class="row-main"><h3><a href="${paths.namespace(account)}">${account}</a></h3></div>
      ${isOwner || account === visit.viewer?.name ? memberForm(visit, action, { account, role, isOwner }) : html`<span class="chip">${role === 'owner' ? 'Owner' : 'Member'}</span>`}
    </li>`,
    )}</ul></section>`;
  if (!isOwner) return list;
  return html`<div class="with-side right">${list}
    <aside class="side" aria-label="Add a member"><section class="panel"><h2>Add a member</h2>
      <form method="post" action="${action}">${visit.formField()}
        ${textField({ name: 'account', label: 'Account', value: form.has('remove') ? '' : form.text('account'), hint: 'The name of an account of this hub.', isRequired: true, maxLength: 30, problem })}
        ${selectField({ name: 'role', label: 'Role', value: form.text('role') || 'member', choices: ROLES })}
        <p class="hint">Owners may do everything. What members may is said by teams.</p>
        <p class="actions"><button class="button primary" type="submit">Add</button></p>
      </form></section></aside></div>`;
}

function memberForm(
  visit: Visit,
  action: string,
  member: { readonly account: string; readonly role: OrganizationRole; readonly isOwner: boolean },
): Html {
  const { account, role, isOwner } = member;
  const isSelf = account === visit.viewer?.name;
  return html`<form method="post" action="${action}" class="inline">${visit.formField()}<input type="hidden" name="account" value="${account}">
    ${isOwner && html`<select name="role" aria-label="Role of ${account}">${options(ROLES, role)}</select><button class="button quiet" type="submit">Change</button>`}
    <button class="button quiet danger" type="submit" name="remove" value="1">${isSelf ? 'Leave' : 'Remove'}</button></form>`;
}

function teams({ visit, organization: { name }, isOwner, problem }: View): Html {
  const all = visit.services.organizations.teams(visit.viewer, name);
  const people = visit.services.organizations.members(visit.viewer, name).map(({ account }) => account);
  const list = html`<div>
    ${all.length === 0 && emptyState('No teams yet', html`<p>A team has members, and rights in repositories: give them on the <em>Collaborators</em> page of a repository, as <code>${name}/TEAM</code>.</p>`)}
    ${all.map(team => teamPanel(visit, team, { people, isOwner }))}</div>`;
  if (!isOwner) return list;
  const { form } = visit;
  return html`<div class="with-side right">${list}
    <aside class="side" aria-label="Create a team"><section class="panel"><h2>Create a team</h2>
      <form method="post" action="${paths.organization(name)}/teams">${visit.formField()}
        ${textField({ name: 'team', label: 'Name', value: form.has('description') ? form.text('team') : '', isRequired: true, maxLength: 30, problem })}
        ${textField({ name: 'description', label: 'Description', value: form.text('description'), maxLength: 100, problem })}
        <p class="actions"><button class="button primary" type="submit">Create</button></p>
      </form></section></aside></div>`;
}

function teamPanel(
  visit: Visit,
  team: Team,
  { people, isOwner }: { readonly people: readonly string[]; readonly isOwner: boolean },
): Html {
  const { name, description, members: inTeam, organization } = team;
  return html`<section class="panel"><h2>${icons.people} ${name}</h2>
    ${description !== '' && html`<p class="soft">${description}</p>`}
    ${
      isOwner
        ? html`<form method="post" action="${paths.organization(organization)}/team">${visit.formField()}<input type="hidden" name="team" value="${name}">
      <fieldset class="field"><legend>Members</legend><div class="boxes">${people.map(
        account =>
          html`<label><input type="checkbox" name="member" value="${account}" ${flag('checked', inTeam.includes(account))}> ${account}</label>`,
      )}</div></fieldset>
      <p class="actions"><button class="button" type="submit">Save members</button> <button class="button quiet danger" type="submit" name="remove" value="1">Delete team</button></p></form>`
        : html`<p>${inTeam.length === 0 ? 'Nobody yet' : inTeam.join(', ')}</p>`
    }
  </section>`;
}

function settings({ visit, organization: { name }, problem }: View): Html {
  return html`${privateDefault(visit, name, `${paths.organization(name)}/defaults`)}
    <section class="panel danger-zone"><h2>Delete this organization</h2>
      <p>Only an empty one can be deleted: delete its repositories first.</p>
      <form method="post" action="${paths.organization(name)}/delete">${visit.formField()}
        ${textField({ name: 'confirm', label: `Type ${name} to confirm`, value: visit.form.text('confirm'), isRequired: true, maxLength: 100, problem })}
        <p class="actions"><button class="button danger" type="submit">Delete this organization</button></p>
      </form></section>`;
}

/** Whether what is pushed to a new name is private. Nothing where the viewer has no say. */
export function privateDefault(visit: Visit, namespace: string, action: string): Html | undefined {
  let isPrivate: boolean;
  try {
    isPrivate = visit.services.repositories.isPrivateByDefault(visit.viewer, namespace);
  } catch (error) {
    if (isKind(error, 'forbidden', 'notFound')) return undefined;
    throw error;
  }
  return html`<section class="panel"><h2>New repositories</h2>
    <form method="post" action="${action}">${visit.formField()}
      ${radioField({ name: 'visibility', label: 'What is pushed to a new name becomes', value: isPrivate ? 'private' : 'public', choices: VISIBILITIES })}
      <p class="actions"><button class="button primary" type="submit">Save</button></p>
    </form></section>`;
}
