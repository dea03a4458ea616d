import { EngineError } from '#base/errors';
import type { Route } from '#http/route';
import { checkNamespaceName } from '../namespace-name.ts';
import { checkPassword } from '../password-rules.ts';
import { type Answer, type FormProblem, page, redirect } from './answer.ts';
import { atField, FieldError, waitAtField } from './field-error.ts';
import { formProblem, textField } from './fields.ts';
import { type Content, type Html, html } from './html.ts';
import { logo } from './icons.ts';
import { localPath, withQuery } from './paths.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

export function signInRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/login', showLogin),
    site.post('/login', submitLogin, showLogin),
    ...site.get('/signup', showSignUp),
    site.post('/signup', submitSignUp, showSignUp),
    ...site.get('/setup', showSetup),
    site.post('/setup', submitSetup, showSetup),
    site.post('/logout', visit => {
      visit.endSession();
      return redirect('/explore?done=signed-out');
    }),
  ];
}

const AFTER_SIGN_IN = '/dashboard';

function nextOf(visit: Visit): string {
  return localPath(visit.form.text('next') || visit.query('next'), AFTER_SIGN_IN);
}

function showLogin(visit: Visit, problem?: FormProblem): Answer {
  if (visit.services.accounts.isEmpty()) return redirect('/setup');
  const next = nextOf(visit);
  if (visit.viewer) return redirect(next);
  return entry(
    'Sign in',
    html`${formProblem(problem)}
    <form method="post" action="/login">${visit.formField()}
      <input type="hidden" name="next" value="${next}">
      ${textField({ name: 'name', label: 'Name', value: visit.form.text('name'), autocomplete: 'username', isRequired: true })}
      ${textField({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', isRequired: true, maxLength: 300 })}
      <button class="button primary full" type="submit">Sign in</button>
    </form>`,
    visit.options.isSignUpOpen
      ? html`New here? <a href="${withQuery('/signup', { next: next === AFTER_SIGN_IN ? undefined : next })}">Make an account</a>`
      : html`Accounts of this hub are made by its administrators.`,
  );
}

async function submitLogin(visit: Visit): Promise<Answer> {
  const { form, services, address } = visit;
  const { account, tokenId } = await services.accounts.authenticate(
    form.text('name').trim(),
    form.text('password'),
    { address },
  );
  if (tokenId !== undefined) {
    throw new EngineError(
      'unauthorized',
      'This access token is for pulling and pushing; sign in with your password',
    );
  }
  visit.beginSession(account);
  return redirect(nextOf(visit));
}

function showSignUp(visit: Visit, problem?: FormProblem): Answer {
  if (visit.viewer) return redirect(AFTER_SIGN_IN);
  if (visit.services.accounts.isEmpty()) return redirect('/setup');
  if (!visit.options.isSignUpOpen) {
    throw new EngineError(
      'forbidden',
      'Accounts of this hub are made by its administrators: ask one of them.',
    );
  }
  return entry(
    'Make an account',
    html`${formProblem(problem)}
    <form method="post" action="/signup">${visit.formField()}
      <input type="hidden" name="next" value="${nextOf(visit)}">
      ${accountFields(visit, problem)}
      <button class="button primary full" type="submit">Make account</button>
    </form>`,
    html`You have one? <a href="/login">Sign in</a>`,
  );
}

async function submitSignUp(visit: Visit): Promise<Answer> {
  const input = await checkedInput(visit);
  const account = await visit.services.accounts.create(undefined, { ...input, address: visit.address });
  visit.beginSession(account);
  return redirect(withQuery(nextOf(visit), { done: 'welcome' }));
}

function showSetup(visit: Visit, problem?: FormProblem): Answer {
  if (!visit.services.accounts.isEmpty()) return redirect('/login');
  return entry(
    'Set up this hub',
    html`<p class="soft">Nobody has an account here yet. The first one is the administrator’s.</p>
    ${formProblem(problem)}
    <form method="post" action="/setup">${visit.formField()}
      ${textField({
        name: 'code',
        label: 'Set-up code',
        value: visit.form.text('code') || visit.query('code'),
        hint: 'The hub wrote it to its log when it started.',
        isRequired: true,
        problem,
      })}
      ${accountFields(visit, problem)}
      <button class="button primary full" type="submit">Make the first account</button>
    </form>`,
  );
}

async function submitSetup(visit: Visit): Promise<Answer> {
  const input = await checkedInput(visit);
  const setupCode = visit.form.text('code').trim();
  const account = await visit.services.accounts.create(undefined, { ...input, setupCode });
  visit.beginSession(account);
  return redirect('/dashboard?done=welcome');
}

export function accountFields(visit: Visit, problem: FormProblem | undefined): Content {
  const { form } = visit;
  return [
    textField({
      name: 'name',
      label: 'Name',
      value: form.text('name'),
      autocomplete: 'username',
      hint: html`Also the namespace of the account’s images: <code>${visit.host}/NAME/my-app</code>. Lower-case letters and digits.`,
      isRequired: true,
      maxLength: 30,
      problem,
    }),
    textField({
      name: 'full-name',
      label: 'Full name (optional)',
      value: form.text('full-name'),
      autocomplete: 'name',
      problem,
    }),
    textField({
      name: 'password',
      label: 'Password',
      type: 'password',
      autocomplete: 'new-password',
      hint: 'At least 8 characters; long is better than complicated.',
      isRequired: true,
      maxLength: 256,
      problem,
    }),
    textField({
      name: 'again',
      label: 'Password again',
      type: 'password',
      autocomplete: 'new-password',
      isRequired: true,
      maxLength: 256,
      problem,
    }),
  ];
}

/** What an account is made of, with what is wrong told beside its field. */
export async function checkedInput({ form, services }: Visit) {
  const name = form.text('name').trim();
  const password = form.text('password');
  atField('name', () => checkNamespaceName(name));
  atField('password', () => checkPassword(password, name));
  if (password !== form.text('again')) throw new FieldError('again', 'The two passwords are not the same');
  await waitAtField('name', async () => {
    if (services.accounts.find(name) ?? services.organizations.find(name)) {
      throw new EngineError('conflict', `the name "${name}" is taken`);
    }
  });
  return { name, password, fullName: form.text('full-name').trim() };
}

function entry(title: string, body: Html, foot?: Content): Answer {
  return page(
    title,
    html`<section class="entry panel">${logo}<h1>${title}</h1>${body}</section>
    ${foot && html`<p class="entry-foot">${foot}</p>`}`,
    { width: 'narrow' },
  );
}
