import type { Route } from '#http/route';
import type { Permission, Webhook } from '../hub-records.ts';
import { type Answer, type FormProblem, redirect } from './answer.ts';
import { atField, FieldError } from './field-error.ts';
import { formProblem, selectField, textField } from './fields.ts';
import { type Html, html } from './html.ts';
import { manageFrame } from './manage-frame.ts';
import { type Choice, command, options, time } from './parts.ts';
import { paths, withQuery } from './paths.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

const PERMISSIONS: readonly (Choice & { readonly value: Permission })[] = [
  { value: 'read', label: 'Read: pull' },
  { value: 'write', label: 'Write: pull and push' },
  { value: 'admin', label: 'Admin: everything' },
];

/** Who else has rights in a repository, and who is told of pushes. */
export function accessRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/repository/{name}/collaborators', showCollaborators),
    site.post('/repository/{name}/collaborators', submitCollaborator, showCollaborators),
    ...site.get('/repository/{name}/webhooks', showWebhooks),
    site.post('/repository/{name}/webhooks', submitWebhook, showWebhooks),
    site.post('/repository/{name}/webhooks-removed', submitWebhookRemoval, showWebhooks),
  ];
}

function showCollaborators(visit: Visit, problem?: FormProblem): Answer {
  const { form } = visit;
  return manageFrame(visit, 'collaborators', ({ name, namespace }) => {
    const all = visit.services.repositories.collaborators(visit.viewer, name);
    const action = paths.manage(name, 'collaborators');
    const hasTeams = visit.services.organizations.find(namespace) !== undefined;
    return html`${formProblem(problem)}<div class="with-side right">
      <section class="panel"><h2>Who has rights here</h2>
        ${all.length === 0 && html`<p class="soft">Nobody but the owners of <code>${namespace}</code>. Let somebody in with the form.</p>`}
        <ul class="rows">${all.map(
          ({ who, permission }) => html`<li class="row">
          <div class="row-main"><h3>${who}</h3><p class="soft small">${who.includes('/') ? 'Team' : 'Account'}</p></div>
          <form method="post" action="${action}" class="inline">${visit.formField()}<input type="hidden" name="who" value="${who}">
            <select name="permission" aria-label="Rights of ${who}">${options(PERMISSIONS, permission)}</select>
            <button class="button quiet" type="submit">Change</button>
            <button class="button quiet danger" type="submit" name="remove" value="1">Remove</button></form>
        </li>`,
        )}</ul>
      </section>
      <aside class="side" aria-label="Let somebody in"><section class="panel"><h2>Let somebody in</h2>
        <form method="post" action="${action}">${visit.formField()}
          ${textField({ name: 'who', label: hasTeams ? 'Account or team' : 'Account', value: form.has('remove') ? '' : form.text('who'), hint: hasTeams && html`A team is written <code>${namespace}/TEAM</code>.`, isRequired: true, maxLength: 100, problem })}
          ${selectField({ name: 'permission', label: 'Rights', value: form.text('permission') || 'read', choices: PERMISSIONS })}
          <p class="actions"><button class="button primary" type="submit">Let in</button></p>
        </form></section></aside>
    </div>`;
  });
}

function submitCollaborator(visit: Visit): Answer {
  const { form, services } = visit;
  const name = visit.param('name');
  const account = visit.account();
  const who = form.text('who').trim();
  if (who === '') throw new FieldError('who', 'Say who: the name of an account or team');
  const permission = PERMISSIONS.find(({ value }) => value === form.text('permission'))?.value ?? 'read';
  const wanted = form.has('remove') ? undefined : permission;
  atField('who', () => services.repositories.setCollaborator(account, name, who, wanted));
  return redirect(withQuery(paths.manage(name, 'collaborators'), { done: 'saved' }));
}

function showWebhooks(visit: Visit, problem?: FormProblem): Answer {
  return webhooksPage(visit, { problem });
}

function webhooksPage(
  visit: Visit,
  {
    problem,
    made,
  }: { readonly problem?: FormProblem | undefined; readonly made?: Webhook & { readonly secret: string } },
): Answer {
  const { form } = visit;
  return manageFrame(visit, 'webhooks', ({ name }) => {
    const all = visit.services.webhooks.list(visit.viewer, name);
    return html`${formProblem(problem)}
    ${made && secretNotice(made)}
    <div class="with-side right">
      <section class="panel"><h2>Who is told of pushes</h2>
        ${all.length === 0 && html`<p class="soft">Nobody yet. A webhook is an address that gets a <code>POST</code> with what was pushed, for instance to deploy it.</p>`}
        <ul class="rows">${all.map(webhook => webhookRow(visit, name, webhook))}</ul>
      </section>
      <aside class="side" aria-label="Add a webhook"><section class="panel"><h2>Add a webhook</h2>
        <form method="post" action="${paths.manage(name, 'webhooks')}">${visit.formField()}
          ${textField({ name: 'name', label: 'Name', value: made ? '' : form.text('name'), isRequired: true, maxLength: 60, problem })}
          ${textField({ name: 'url', label: 'Address', type: 'url', value: made ? '' : form.text('url'), placeholder: 'https://ci.example.com/hook', isRequired: true, maxLength: 1000, problem })}
          <p class="actions"><button class="button primary" type="submit">Add</button></p>
        </form></section></aside>
    </div>`;
  });
}

function secretNotice({ name, secret }: { readonly name: string; readonly secret: string }): Html {
  return html`<section class="notice notice-good" role="status"><h2>The webhook ${name} is there</h2>
    <p>Its deliveries are signed with this secret. It is shown this once: keep it where the receiver checks signatures.</p>
    ${command(secret, 'Secret')}</section>`;
}

function webhookRow(
  visit: Visit,
  repository: string,
  { id, name, url, lastStatus, createdAt }: Webhook,
): Html {
  return html`<li class="row">
    <div class="row-main"><h3>${name}</h3><p><code class="long">${url}</code></p>
      <p class="soft small">Added ${time(createdAt, visit.now)} · ${lastStatus === undefined ? 'nothing sent yet' : `last answer: ${lastStatus}`}</p></div>
    <form method="post" action="/repository/${repository}/webhooks-removed">${visit.formField()}
      <input type="hidden" name="id" value="${id}"><button class="button quiet danger" type="submit" aria-label="Remove ${name}">Remove</button></form>
  </li>`;
}

function submitWebhook(visit: Visit): Answer {
  const { form, services } = visit;
  const url = form.text('url').trim();
  const label = form.text('name').trim();
  if (label === '') throw new FieldError('name', 'The webhook needs a name');
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new FieldError('url', 'The address must begin with https:// or http://');
  }
  const made = services.webhooks.create(visit.account(), visit.param('name'), { name: label, url });
  return webhooksPage(visit, { made });
}

function submitWebhookRemoval(visit: Visit): Answer {
  const name = visit.param('name');
  visit.services.webhooks.remove(visit.account(), name, visit.form.text('id'));
  return redirect(withQuery(paths.manage(name, 'webhooks'), { done: 'saved' }));
}
