import { EngineError } from '#base/errors';
import type { Route } from '#http/route';
import type { OrganizationRole } from '../hub-records.ts';
import { checkNamespaceName } from '../namespace-name.ts';
import { type Answer, type FormProblem, page, redirect } from './answer.ts';
import { atField } from './field-error.ts';
import { formProblem, textField } from './fields.ts';
import { html } from './html.ts';
import { icons } from './icons.ts';
import { organizationPage } from './organization-page.ts';
import { emptyState, tile, time } from './parts.ts';
import { paths, withQuery } from './paths.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

export function organizationRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/organizations', showOrganizations),
    ...site.get('/organizations/new', showCreate),
    site.post('/organizations/new', submitCreate, showCreate),
    ...site.get('/organizations/{name}', organizationPage),
    site.post('/organizations/{name}/members', submitMember, organizationPage),
    site.post('/organizations/{name}/teams', submitTeam, organizationPage),
    site.post('/organizations/{name}/team', submitTeamChange, organizationPage),
    site.post('/organizations/{name}/defaults', submitDefaults, organizationPage),
    site.post('/organizations/{name}/delete', submitDelete, organizationPage),
  ];
}

function showOrganizations(visit: Visit): Answer {
  const mine = visit.services.organizations.mine(visit.account());
  return page(
    'Organizations',
    html`<div class="page-head">
      <div><h1>Organizations</h1><p class="soft">Several people with one namespace, and teams that say who may do what.</p></div>
      <a class="button primary" href="/organizations/new">${icons.plus} Create organization</a>
    </div>
    ${
      mine.length === 0
        ? emptyState(
            'You are in no organization',
            html`<p>Make one to share a namespace: images of <code>${visit.host}/ORGANIZATION/…</code> belong to all of you, and teams say who may pull and push.</p>
        <p><a class="button primary" href="/organizations/new">Create organization</a></p>`,
          )
        : html`<ul class="rows panel">${mine.map(
            ({ name, fullName, role, createdAt }) => html`<li class="row">
        ${tile(name)}
        <div class="row-main"><h2><a href="${paths.organization(name)}">${name}</a></h2>
          <p>${fullName}</p><p class="soft small">Since ${time(createdAt, visit.now)}</p></div>
        <span class="chip">${role === 'owner' ? 'Owner' : 'Member'}</span>
      </li>`,
          )}</ul>`
    }`,
    { section: 'organizations' },
  );
}

function showCreate(visit: Visit, problem?: FormProblem): Answer {
  visit.account();
  const { form } = visit;
  return page(
    'Create organization',
    html`<div class="page-head"><h1>Create organization</h1></div>
    <section class="panel">${formProblem(problem)}
      <form method="post" action="/organizations/new">${visit.formField()}
        ${textField({ name: 'name', label: 'Name', value: form.text('name'), hint: html`The namespace of its images: <code>${visit.host}/NAME/my-app</code>.`, isRequired: true, maxLength: 30, problem })}
        ${textField({ name: 'full-name', label: 'Full name (optional)', value: form.text('full-name'), problem })}
        <p class="actions"><button class="button primary" type="submit">Create</button> <a class="button quiet" href="/organizations">Cancel</a></p>
      </form>
    </section>`,
    { section: 'organizations', width: 'narrow' },
  );
}

function submitCreate(visit: Visit): Answer {
  const name = visit.form.text('name').trim();
  atField('name', () => checkNamespaceName(name));
  const fullName = visit.form.text('full-name').trim();
  const account = visit.account();
  const made = atField('name', () => visit.services.organizations.create(account, { name, fullName }));
  return redirect(withQuery(paths.organization(made.name), { tab: 'members', done: 'organization-created' }));
}

function back(visit: Visit, tab: string): Answer {
  return redirect(withQuery(paths.organization(visit.param('name')), { tab, done: 'saved' }));
}

function submitMember(visit: Visit): Answer {
  const { form, services } = visit;
  const account = form.text('account').trim();
  const name = visit.param('name');
  const viewer = visit.account();
  if (form.has('remove')) {
    services.organizations.removeMember(viewer, name, account);
    if (account === viewer.name) return redirect('/organizations?done=saved');
  } else {
    const role: OrganizationRole = form.text('role') === 'owner' ? 'owner' : 'member';
    atField('account', () => services.organizations.setMember(viewer, name, account, role));
  }
  return back(visit, 'members');
}

function submitTeam(visit: Visit): Answer {
  const { form, services } = visit;
  const input = { name: form.text('team').trim(), description: form.text('description') };
  const viewer = visit.account();
  atField('team', () => services.organizations.createTeam(viewer, visit.param('name'), input));
  return back(visit, 'teams');
}

function submitTeamChange(visit: Visit): Answer {
  const { form, services } = visit;
  const name = visit.param('name');
  const team = form.text('team');
  const viewer = visit.account();
  if (form.has('remove')) services.organizations.removeTeam(viewer, name, team);
  else services.organizations.setTeamMembers(viewer, name, team, form.all('member'));
  return back(visit, 'teams');
}

function submitDefaults(visit: Visit): Answer {
  const isPrivate = visit.form.text('visibility') === 'private';
  visit.services.repositories.setPrivateByDefault(visit.account(), visit.param('name'), { isPrivate });
  return back(visit, 'settings');
}

function submitDelete(visit: Visit): Answer {
  const name = visit.param('name');
  const viewer = visit.account();
  atField('confirm', () => {
    if (visit.form.text('confirm').trim() !== name) {
      throw new EngineError('invalid', `This is not the name of the organization: it is called ${name}`);
    }
  });
  visit.services.organizations.remove(viewer, name);
  return redirect('/organizations?done=organization-deleted');
}
