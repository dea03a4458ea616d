import { EngineError } from '#base/errors';
import type { Route } from '#http/route';
import type { Account } from '../hub-records.ts';
import { type Answer, type FormProblem, page, redirect } from './answer.ts';
import { formProblem } from './fields.ts';
import { counted } from './format.ts';
import { type Html, html } from './html.ts';
import { pager, tile, time } from './parts.ts';
import { paths } from './paths.ts';
import { accountFields, checkedInput } from './sign-in-pages.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

const PAGE_SIZE = 50;

/** For administrators: who has an account. */
export function adminRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/admin', () => redirect('/admin/accounts')),
    ...site.get('/admin/accounts', showAccounts),
    site.post('/admin/accounts', submitAccount, showAccounts),
    site.post('/admin/accounts/change', submitChange, showAccounts),
    site.post('/admin/accounts/password', submitPassword, showAccounts),
  ];
}

function administrator(visit: Visit): Account {
  const account = visit.account();
  if (!account.isAdmin)
    throw new EngineError('forbidden', 'Only administrators of this hub see its accounts.');
  return account;
}

function showAccounts(visit: Visit, problem?: FormProblem): Answer {
  const admin = administrator(visit);
  const found = visit.services.accounts.list(admin, { page: visit.pageNumber, pageSize: PAGE_SIZE });
  return page(
    'Accounts',
    html`<div class="page-head"><div><h1>Accounts</h1><p class="soft">${counted(found.total, 'account')} of this hub</p></div></div>
    ${formProblem(problem)}
    <div class="with-side right">
      <section><ul class="rows panel">${found.items.map(account => accountRow(visit, admin, account))}</ul>
      ${pager(found, '/admin/accounts')}</section>
      <aside class="side" aria-label="Make an account"><section class="panel"><h2>Make an account</h2>
        <form method="post" action="/admin/accounts">${visit.formField()}
          ${accountFields(visit, problem)}
          <p class="actions"><button class="button primary" type="submit">Make account</button></p>
        </form></section></aside>
    </div>`,
    { section: 'admin' },
  );
}

function accountRow(visit: Visit, admin: Account, account: Account): Html {
  const { name, fullName, isAdmin, isDisabled, createdAt } = account;
  return html`<li class="row">
    ${tile(name, 'small')}
    <div class="row-main"><h2><a href="${paths.namespace(name)}">${name}</a> ${isAdmin && html`<span class="chip">Administrator</span>`} ${isDisabled && html`<span class="chip chip-bad">Disabled</span>`}</h2>
      ${fullName !== '' && html`<p>${fullName}</p>`}
      <p class="soft small">Since ${time(createdAt, visit.now)}</p></div>
    ${
      name === admin.name
        ? html`<span class="soft">You</span>`
        : html`<div class="inline">${passwordForm(visit, name)}<form method="post" action="/admin/accounts/change" class="inline">${visit.formField()}<input type="hidden" name="account" value="${name}">
      <button class="button quiet" type="submit" name="change" value="${isAdmin ? 'ordinary' : 'admin'}">${isAdmin ? 'Make ordinary' : 'Make administrator'}</button>
      <button class="button quiet ${isDisabled ? '' : 'danger'}" type="submit" name="change" value="${isDisabled ? 'enable' : 'disable'}">${isDisabled ? 'Enable' : 'Disable'}</button></form></div>`
    }
  </li>`;
}

/** For whoever has forgotten the own one: the hub sends no mail. */
function passwordForm(visit: Visit, name: string): Html {
  return html`<details class="confirm"><summary class="button quiet" aria-label="Set the password of ${name}">Set password</summary>
    <form method="post" action="/admin/accounts/password">${visit.formField()}<input type="hidden" name="account" value="${name}">
      <input type="text" name="username" value="${name}" autocomplete="username" hidden>
      <p>It ends the sessions of ${name}; access tokens go on working.</p>
      <input type="password" name="new-password" aria-label="New password of ${name}" autocomplete="new-password" minlength="8" maxlength="256" required>
      <button type="submit" class="button">Set password</button></form></details>`;
}

async function submitPassword(visit: Visit): Promise<Answer> {
  const admin = administrator(visit);
  const name = visit.form.text('account');
  if (name === admin.name) return redirect('/settings/security');
  await visit.services.accounts.changePassword(admin, name, { password: visit.form.text('new-password') });
  return redirect('/admin/accounts?done=saved');
}

async function submitAccount(visit: Visit): Promise<Answer> {
  const admin = administrator(visit);
  await visit.services.accounts.create(admin, await checkedInput(visit));
  return redirect('/admin/accounts?done=account-created');
}

const CHANGES: Readonly<Record<string, { readonly isAdmin?: boolean; readonly isDisabled?: boolean }>> = {
  admin: { isAdmin: true },
  ordinary: { isAdmin: false },
  disable: { isDisabled: true },
  enable: { isDisabled: false },
};

function submitChange(visit: Visit): Answer {
  const admin = administrator(visit);
  const key = visit.form.text('change');
  const change = Object.hasOwn(CHANGES, key) ? CHANGES[key] : undefined;
  if (!change) throw new EngineError('invalid', 'the form does not say what to change');
  visit.services.accounts.update(admin, visit.form.text('account'), change);
  return redirect('/admin/accounts?done=saved');
}
