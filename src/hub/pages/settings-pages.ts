import { isKind } from '#base/errors';
import type { Route } from '#http/route';
import type { AccessToken, Permission } from '../hub-records.ts';
import { checkPassword } from '../password-rules.ts';
import { type Answer, type FormProblem, page, redirect } from './answer.ts';
import { atField, FieldError } from './field-error.ts';
import { formProblem, selectField, textField } from './fields.ts';
import { type Html, html } from './html.ts';
import { privateDefault } from './organization-page.ts';
import { type Choice, command, tabs, tile, time } from './parts.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

const PAGES = [
  ['/settings/profile', 'Profile'],
  ['/settings/security', 'Security'],
  ['/settings/tokens', 'Access tokens'],
] as const;

const TOKEN_PERMISSIONS: readonly (Choice & { readonly value: Permission })[] = [
  { value: 'read', label: 'Read: pull' },
  { value: 'write', label: 'Read and write: pull and push' },
  { value: 'admin', label: 'Read, write and delete' },
];

const DAY_MS = 86_400_000;
const LIFETIMES: readonly Choice[] = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'One year' },
  { value: '', label: 'Does not expire' },
];

export function settingsRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/settings', () => redirect('/settings/profile')),
    ...site.get('/settings/profile', showProfile),
    site.post('/settings/profile', submitProfile, showProfile),
    site.post('/settings/defaults', submitDefaults, showProfile),
    ...site.get('/settings/security', showSecurity),
    site.post('/settings/security', submitPassword, showSecurity),
    ...site.get('/settings/tokens', showTokens),
    site.post('/settings/tokens', submitToken, showTokens),
    site.post('/settings/tokens/revoke', submitRevocation, showTokens),
  ];
}

function frame(visit: Visit, path: string, body: Html): Answer {
  const account = visit.account();
  return page(
    'Settings',
    html`<div class="page-head"><div class="with-tile">${tile(account.name)}<div><h1>Settings</h1><p class="soft">${account.name}</p></div></div></div>
    ${tabs(
      'Settings',
      PAGES.map(([href, label]) => ({ href, label, isCurrent: href === path })),
    )}
    ${body}`,
    { section: 'settings' },
  );
}

function showProfile(visit: Visit, problem?: FormProblem): Answer {
  const account = visit.account();
  const value = visit.form.has('full-name') ? visit.form.text('full-name') : account.fullName;
  return frame(
    visit,
    '/settings/profile',
    html`${formProblem(problem)}<section class="panel"><h2>Profile</h2>
      <form method="post" action="/settings/profile">${visit.formField()}
        ${textField({ name: 'full-name', label: 'Full name', value, autocomplete: 'name', hint: 'Shown on your page and to those you work with.', problem })}
        <p class="actions"><button class="button primary" type="submit">Save</button></p>
      </form></section>
      ${privateDefault(visit, account.name, '/settings/defaults')}`,
  );
}

function submitProfile(visit: Visit): Answer {
  const account = visit.account();
  atField('full-name', () =>
    visit.services.accounts.update(account, account.name, { fullName: visit.form.text('full-name').trim() }),
  );
  return redirect('/settings/profile?done=saved');
}

function submitDefaults(visit: Visit): Answer {
  const account = visit.account();
  const isPrivate = visit.form.text('visibility') === 'private';
  visit.services.repositories.setPrivateByDefault(account, account.name, { isPrivate });
  return redirect('/settings/profile?done=saved');
}

function showSecurity(visit: Visit, problem?: FormProblem): Answer {
  const account = visit.account();
  return frame(
    visit,
    '/settings/security',
    html`${formProblem(problem)}<section class="panel"><h2>Change password</h2>
      <p class="soft">Every other session of this account ends. Access tokens go on working.</p>
      <form method="post" action="/settings/security">${visit.formField()}
        <input type="text" name="username" value="${account.name}" autocomplete="username" hidden>
        ${textField({ name: 'current', label: 'Current password', type: 'password', autocomplete: 'current-password', isRequired: true, maxLength: 300, problem })}
        ${textField({ name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: 'At least 8 characters; long is better than complicated.', isRequired: true, maxLength: 256, problem })}
        ${textField({ name: 'again', label: 'New password again', type: 'password', autocomplete: 'new-password', isRequired: true, maxLength: 256, problem })}
        <p class="actions"><button class="button primary" type="submit">Change password</button></p>
      </form></section>`,
  );
}

async function submitPassword(visit: Visit): Promise<Answer> {
  const account = visit.account();
  const { form } = visit;
  const password = form.text('password');
  atField('password', () => checkPassword(password, account.name));
  if (password !== form.text('again')) throw new FieldError('again', 'The two passwords are not the same');
  const change = visit.services.accounts.changePassword(account, account.name, {
    current: form.text('current'),
    password,
    ...(visit.session === undefined ? {} : { keepSession: visit.session }),
  });
  await change.catch((error: unknown) => {
    throw isKind(error, 'forbidden') ? new FieldError('current', 'The current password is wrong') : error;
  });
  return redirect('/settings/security?done=password-changed');
}

function showTokens(visit: Visit, problem?: FormProblem): Answer {
  return tokensPage(visit, { problem });
}

function tokensPage(
  visit: Visit,
  { problem, secret }: { readonly problem?: FormProblem | undefined; readonly secret?: string },
): Answer {
  const account = visit.account();
  const all = visit.services.accessTokens.list(account);
  const { form } = visit;
  return frame(
    visit,
    '/settings/tokens',
    html`${formProblem(problem)}
    ${
      secret !== undefined &&
      html`<section class="notice notice-good" role="status"><h2>Your new access token</h2>
        <p>It is shown this once: copy it now. Use it where a password is asked for:</p>
        ${command(secret, 'Access token')}${command(`docker login -u ${account.name} ${visit.host}`, 'Command to sign in')}</section>`
    }
    <div class="with-side right">
      <section class="panel"><h2>Access tokens</h2>
        <p class="soft">A token stands for your password in a program: it can be allowed less, and taken back alone.</p>
        ${all.length === 0 && html`<p>You have none yet. Make one for each machine or job that pulls or pushes.</p>`}
        <ul class="rows">${all.map(token => tokenRow(visit, token))}</ul>
      </section>
      <aside class="side" aria-label="Make a token"><section class="panel"><h2>Make a token</h2>
        <form method="post" action="/settings/tokens">${visit.formField()}
          ${textField({ name: 'label', label: 'What it is for', value: secret === undefined ? form.text('label') : '', placeholder: 'laptop, build server', isRequired: true, maxLength: 60, problem })}
          ${selectField({ name: 'permission', label: 'Rights', value: form.text('permission') || 'write', choices: TOKEN_PERMISSIONS })}
          ${selectField({ name: 'days', label: 'Works for', value: form.has('days') ? form.text('days') : '90', choices: LIFETIMES })}
          <p class="actions"><button class="button primary" type="submit">Make token</button></p>
        </form></section></aside>
    </div>`,
  );
}

function tokenRow(visit: Visit, token: AccessToken): Html {
  const { id, label, permission, createdAt, usedAt, expiresAt } = token;
  const { now } = visit;
  const isOver = expiresAt !== undefined && expiresAt <= now;
  const rights = TOKEN_PERMISSIONS.find(({ value }) => value === permission)?.label ?? permission;
  return html`<li class="row">
    <div class="row-main"><h3>${label}</h3>
      <p>${rights}</p>
      <p class="soft small">Made ${time(createdAt, now)} · used ${time(usedAt, now)} · ${expiresAt === undefined ? 'does not expire' : html`${isOver ? 'expired' : 'expires'} ${time(expiresAt, now)}`}</p></div>
    <form method="post" action="/settings/tokens/revoke">${visit.formField()}<input type="hidden" name="id" value="${id}">
      <button class="button quiet danger" type="submit" aria-label="Revoke ${label}">Revoke</button></form>
  </li>`;
}

function submitToken(visit: Visit): Answer {
  const { form } = visit;
  const account = visit.account();
  const label = form.text('label').trim();
  if (label === '') throw new FieldError('label', 'Say what the token is for');
  const permission =
    TOKEN_PERMISSIONS.find(({ value }) => value === form.text('permission'))?.value ?? 'read';
  const days = LIFETIMES.find(({ value }) => value === form.text('days'))?.value ?? '90';
  const { secret } = atField('label', () =>
    visit.services.accessTokens.create(account, {
      label,
      permission,
      ...(days === '' ? {} : { expiresAt: visit.now + Number(days) * DAY_MS }),
    }),
  );
  return tokensPage(visit, { secret });
}

function submitRevocation(visit: Visit): Answer {
  visit.services.accessTokens.revoke(visit.account(), visit.form.text('id'));
  return redirect('/settings/tokens?done=revoked');
}
