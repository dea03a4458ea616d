import type { Route } from '#http/route';
import { CATEGORIES } from '../categories.ts';
import { checkRepositoryName } from '../namespace-name.ts';
import { type Answer, type FormProblem, page, redirect } from './answer.ts';
import { atField, FieldError } from './field-error.ts';
import { formProblem, radioField, selectField, textField } from './fields.ts';
import { type Html, html } from './html.ts';
import { command } from './parts.ts';
import { paths, withQuery } from './paths.ts';
import type { Site } from './site.ts';
import type { Visit } from './visit.ts';

export const CATEGORY_CHOICES = [
  { value: '', label: 'None' },
  ...CATEGORIES.map(category => ({ value: category, label: category })),
];

export const VISIBILITIES = [
  { value: 'public', label: 'Public', hint: 'Everybody who reaches this hub can see and pull it.' },
  { value: 'private', label: 'Private', hint: 'Only you, and whom you let in, can see and pull it.' },
];

export function createRoutes(site: Site): readonly Route[] {
  return [
    ...site.get('/repository/create', showCreate),
    site.post('/repository/create', submitCreate, showCreate),
  ];
}

function showCreate(visit: Visit, problem?: FormProblem): Answer {
  const account = visit.account();
  const { form } = visit;
  const namespaces = visit.services.repositories.namespaces(account);
  const namespace = form.text('namespace') || visit.query('namespace') || account.name;
  return page(
    'Create repository',
    html`<div class="page-head"><h1>Create repository</h1></div>
    <div class="with-side right">
      <section class="panel">${formProblem(problem)}
        <form method="post" action="/repository/create">${visit.formField()}
          <div class="pair">
          ${selectField({
            name: 'namespace',
            label: 'Namespace',
            value: namespace,
            choices: namespaces.map(value => ({ value, label: value })),
            problem,
          })}
          ${textField({
            name: 'name',
            label: 'Name',
            value: form.text('name'),
            hint: 'Lower-case letters and digits, with dots, hyphens or underscores between them.',
            isRequired: true,
            maxLength: 200,
            problem,
          })}
          </div>
          ${textField({
            name: 'description',
            label: 'Short description',
            value: form.text('description'),
            hint: 'One line, shown in lists and found by the search.',
            maxLength: 100,
            problem,
          })}
          ${selectField({ name: 'category', label: 'Category', value: form.text('category'), choices: CATEGORY_CHOICES, problem })}
          ${radioField({ name: 'visibility', label: 'Visibility', value: form.text('visibility') || 'public', choices: VISIBILITIES })}
          <p class="actions"><button class="button primary" type="submit">Create</button> <a class="button quiet" href="/dashboard">Cancel</a></p>
        </form>
      </section>
      <aside class="side" aria-label="Another way">${pushInstead(visit, namespace)}</aside>
    </div>`,
    { section: 'create' },
  );
}

function pushInstead({ host }: Visit, namespace: string): Html {
  const name = `${host}/${namespace}/my-app`;
  return html`<section class="panel"><h2>Or just push</h2>
    <p>A push makes the repository if it is not there. Several images of one project, say <code>api</code> and <code>backoffice</code>, are pushed side by side:</p>
    ${command(`docker tag my-app ${name}`)}
    ${command(`docker push ${name}`)}
  </section>`;
}

function submitCreate(visit: Visit): Answer {
  const account = visit.account();
  const { form, services } = visit;
  const short = form.text('name').trim();
  const name = `${form.text('namespace') || account.name}/${short}`;
  if (short === '') throw new FieldError('name', 'The repository needs a name');
  atField('name', () => checkRepositoryName(name));
  const category = form.text('category');
  const repository = atField('name', () =>
    services.repositories.create(account, {
      name,
      description: form.text('description'),
      isPrivate: form.text('visibility') === 'private',
    }),
  );
  if (CATEGORIES.includes(category)) services.repositories.update(account, repository.name, { category });
  return redirect(withQuery(paths.manage(repository.name), { done: 'created' }));
}
