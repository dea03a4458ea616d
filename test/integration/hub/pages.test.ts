import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startHubSite } from '../../support/hub-site.ts';
import { SiteClient } from '../../support/site-client.ts';

const PASSWORD = 'correct horse battery';
const site = await startHubSite();
const { services, catalog, url, setupCode } = site;
after(() => site[Symbol.asyncDispose]());

const ada = new SiteClient(url);
const ana = new SiteClient(url);
const nobody = new SiteClient(url);

test('the first account is made with the set-up code, and is an administrator', async () => {
  assert.equal((await ada.get('/')).headers.get('location'), '/setup');
  const fields = { name: 'ada', 'full-name': 'Ada Admin', password: PASSWORD, again: PASSWORD };
  const refused = await ada.submit('/setup', '/setup', { ...fields, code: 'guessed' });
  assert.equal(refused.status, 403);
  assert.match(refused.text, /role="alert"[^]*not the set-up code/);
  assert.match(refused.text, /value="Ada Admin"/, 'what was typed stays');
  assert.doesNotMatch(refused.text, new RegExp(PASSWORD));

  const made = await ada.submit('/setup', '/setup', { ...fields, code: setupCode });
  assert.equal(made.status, 303);
  assert.equal(made.headers.get('location'), '/dashboard?done=welcome');
  assert.match((await ada.get('/dashboard?done=welcome')).text, /Your account is ready/);
  assert.equal((await ada.get('/admin/accounts')).status, 200);
  assert.equal((await nobody.get('/setup')).headers.get('location'), '/login');
});

test('signing up tells what is wrong beside its field, and keeps what was typed', async () => {
  const good = { name: 'ana', 'full-name': 'Ana Souza', password: PASSWORD, again: PASSWORD };
  const wrong: readonly (readonly [string, Record<string, string>])[] = [
    ['name', { name: 'An A' }],
    ['name', { name: 'ada' }],
    ['name', { name: 'library' }],
    ['password', { password: 'short', again: 'short' }],
    ['again', { again: 'another password' }],
  ];
  for (const [field, change] of wrong) {
    const refused = await ana.submit('/signup', '/signup', { ...good, ...change });
    assert.equal(refused.status, 400, JSON.stringify(change));
    assert.match(refused.text, new RegExp(`id="h-${field}" class="hint">\\s*<strong class="wrong">`));
    assert.match(refused.text, /value="Ana Souza"/);
  }
  const made = await ana.submit('/signup', '/signup', good);
  assert.equal(made.headers.get('location'), '/dashboard?done=welcome');
});

test('the dashboard of a new account teaches the first push, with the host it is asked by', async () => {
  const { text } = await ana.get('/dashboard');
  const host = new URL(url).host;
  assert.match(text, /Push your first image/);
  assert.ok(text.includes(`docker login -u ana ${host}`));
  assert.ok(text.includes(`docker push ${host}/ana/my-app`));
});

test('every page has search bar, navigation and user menu', async () => {
  const { text } = await ana.get('/explore');
  assert.match(text, /<form class="bar-search" role="search" action="\/search" method="get">/);
  for (const link of ['Dashboard', 'Explore', 'Organizations', 'Create']) {
    assert.match(text, new RegExp(`<a [^>]*>[^]{0,400}?${link}`));
  }
  assert.match(text, /<summary aria-label="User menu of ana">/);
});

test('images of one project that were pushed are on the dashboard, and found by the search', async () => {
  for (const name of ['shop/api', 'shop/backoffice']) catalog.push(name.replace('shop', 'ana'), '1.0', 'ana');
  const { text } = await ana.get('/dashboard');
  assert.match(text, /<a href="\/r\/ana\/api">ana\/api<\/a>/);
  assert.match(text, /<a href="\/r\/ana\/backoffice">ana\/backoffice<\/a>/);
  assert.match(text, /<strong>ana<\/strong> pushed <a href="\/r\/ana\/api">/);
  assert.match((await nobody.get('/search?q=backoffice')).text, /href="\/r\/ana\/backoffice"/);
});

test('the explore page shows official repositories with mark, stars, pulls, and a link to details', async () => {
  catalog.push('library/nginx', 'latest', 'ada');
  for (let count = 0; count < 3; count++) catalog.pull('library/nginx', 'latest');
  services.repositories.update(services.accounts.find('ada'), 'library/nginx', {
    description: 'Official build of Nginx.',
    category: 'Web servers',
  });
  await ana.submit('/_/nginx', '/star', { name: 'library/nginx', star: '1' });
  const { text } = await nobody.get('/explore');
  assert.match(text, /<h2 id="list-title">Official Repositories<\/h2>/);
  const card = text.split('<li class="card">')[1] ?? '';
  assert.match(card, /<h3><a href="\/_\/nginx">nginx<\/a><\/h3>/);
  assert.match(card, /mark-official/);
  assert.match(card, /title="1 star">[^]*?Stars:<\/span> 1</);
  assert.match(card, /title="3 pulls">[^]*?Pulls:<\/span> 3</);
  assert.match(card, /<a class="details" href="\/_\/nginx"/);
  assert.doesNotMatch(text, /ana\/api/, 'only official ones');
  assert.match((await nobody.get('/explore?category=Web+servers')).text, /href="\/_\/nginx"/);
  assert.doesNotMatch((await nobody.get('/explore?category=Networking')).text, /href="\/_\/nginx"/);
  assert.match((await nobody.get('/explore?show=all&order=name')).text, /ana\/api/);
});

test('a repository page shows name, category, last push, tags and how to pull', async () => {
  const { text } = await nobody.get('/_/nginx');
  const host = new URL(url).host;
  assert.match(text, /<h1>nginx/);
  assert.match(text, /Category:<\/span> Web servers/);
  assert.match(text, /Last pushed <time datetime="\d{4}-\d\d-\d\dT[^"]+" title="[^"]+ UTC">just now<\/time>/);
  assert.ok(text.includes(`docker pull ${host}/library/nginx:latest`));
  const tags = (await nobody.get('/_/nginx?tab=tags')).text;
  assert.match(tags, /linux\/amd64/);
  assert.match(tags, /<code title="sha256:[0-9a-f]{64}">[0-9a-f]{12}<\/code>/);
  assert.equal((await nobody.get('/r/library/nginx')).headers.get('location'), '/_/nginx');
});

test('a repository is created, described on its general page, and hidden', async () => {
  const bad = await ana.submit('/repository/create', '/repository/create', {
    namespace: 'ana',
    name: 'Bad Name',
    description: 'kept',
  });
  assert.equal(bad.status, 400);
  assert.match(bad.text, /id="h-name" class="hint">\s*<strong class="wrong">[^<]*lower-case/);
  assert.match(bad.text, /value="kept"/);

  const made = await ana.submit('/repository/create', '/repository/create', {
    namespace: 'ana',
    name: 'blog',
    description: 'A blog',
    category: 'Content management system',
    visibility: 'public',
  });
  assert.equal(made.headers.get('location'), '/repository/ana/blog/general?done=created');
  const general = '/repository/ana/blog/general';
  assert.match((await ana.get(general)).text, /docker push [^<]+\/ana\/blog:TAG/);
  const saved = await ana.submit(general, general, {
    description: 'A better blog',
    overview: '# Hello\n\n**bold** <script>alert(1)</script>',
    category: 'Developer tools',
  });
  assert.equal(saved.headers.get('location'), `${general}?done=saved`);
  const { text } = await nobody.get('/r/ana/blog');
  assert.match(text, /A better blog/);
  assert.match(text, /<h3>Hello<\/h3>\s*<p><strong>bold<\/strong> &lt;script&gt;/);

  await ana.submit('/repository/ana/blog/settings', '/repository/ana/blog/settings', {
    visibility: 'private',
  });
  for (const [client, status] of [
    [nobody, 404],
    [ana, 200],
  ] as const) {
    assert.equal((await client.get('/r/ana/blog')).status, status);
  }
  assert.match((await nobody.get('/r/ana/blog')).text, /Page not found/);
  assert.equal((await nobody.get('/r/ana/none')).text.length, (await nobody.get('/r/ana/blog')).text.length);
  assert.doesNotMatch((await nobody.get('/search?q=blog')).text, /ana\/blog/);
});

test('only owners see the pages of a repository that change it', async () => {
  await new SiteClient(url).submit('/signup', '/signup', {
    name: 'bob',
    password: PASSWORD,
    again: PASSWORD,
  });
  const bob = new SiteClient(url);
  await bob.signIn('bob', PASSWORD);
  for (const part of ['general', 'tags', 'collaborators', 'webhooks', 'settings']) {
    assert.equal((await ana.get(`/repository/ana/api/${part}`)).status, 200, part);
    assert.equal((await bob.get(`/repository/ana/api/${part}`)).status, 403, part);
    assert.equal((await bob.get(`/repository/ana/blog/${part}`)).status, 404, part);
    assert.equal(
      (await nobody.get(`/repository/ana/blog/${part}`)).headers.get('location'),
      `/login?next=%2Frepository%2Fana%2Fblog%2F${part}`,
    );
  }
  assert.equal((await bob.get('/admin/accounts')).status, 403);
});

test('collaborators, webhooks and tags are looked after by forms', async () => {
  const collaborators = '/repository/ana/api/collaborators';
  await ana.submit(collaborators, collaborators, { who: 'bob', permission: 'write' });
  assert.match((await ana.get(collaborators)).text, /<h3>bob<\/h3>/);
  const unknown = await ana.submit(collaborators, collaborators, { who: 'nobody-there', permission: 'read' });
  assert.ok(unknown.status >= 400 && unknown.status < 500);
  await ana.submit(collaborators, collaborators, { who: 'bob', remove: '1' });
  assert.doesNotMatch((await ana.get(collaborators)).text, /<h3>bob<\/h3>/);

  const webhooks = '/repository/ana/api/webhooks';
  const bad = await ana.submit(webhooks, webhooks, { name: 'ci', url: 'javascript:alert(1)' });
  assert.equal(bad.status, 400);
  assert.match(bad.text, /id="h-url" class="hint">\s*<strong class="wrong">/);
  const made = await ana.submit(webhooks, webhooks, { name: 'ci', url: 'https://ci.example.com/hook' });
  assert.match(made.text, /signed with this secret/);
  const list = (await ana.get(webhooks)).text;
  assert.match(list, /https:\/\/ci\.example\.com\/hook/);
  assert.doesNotMatch(list, /signed with this secret/, 'it is shown once');
  const id = /name="id" value="([^"]+)"/.exec(list)?.[1] ?? '';
  await ana.submit(webhooks, '/repository/ana/api/webhooks-removed', { id });
  assert.doesNotMatch((await ana.get(webhooks)).text, /ci\.example\.com\/hook</);

  const tags = '/repository/ana/api/tags';
  await ana.submit(tags, tags, { tag: '1.0' });
  assert.match((await ana.get(tags)).text, /No tags yet/);
});

test('a repository is deleted by typing its name', async () => {
  const settings = '/repository/ana/api/settings';
  const refused = await ana.submit(settings, '/repository/ana/api/delete', { confirm: 'ana/ap' });
  assert.equal(refused.status, 400);
  assert.equal((await ana.get('/r/ana/api')).status, 200);
  await ana.submit(settings, '/repository/ana/api/delete', { confirm: 'ana/api' });
  assert.equal((await ana.get('/r/ana/api')).status, 404);
});

test('an organization has members, teams and repositories, and ends when it is empty', async () => {
  const made = await ana.submit('/organizations/new', '/organizations/new', {
    name: 'shipyard',
    'full-name': 'Shipyard Ltd',
  });
  assert.equal(made.headers.get('location'), '/organizations/shipyard?tab=members&done=organization-created');
  const members = '/organizations/shipyard?tab=members';
  await ana.submit(members, '/organizations/shipyard/members', { account: 'bob', role: 'member' });
  assert.match((await ana.get(members)).text, /2 members/);
  const wrong = await ana.submit(members, '/organizations/shipyard/members', {
    account: 'nobody-there',
    role: 'member',
  });
  assert.ok(wrong.status >= 400 && wrong.status < 500);
  assert.match(wrong.text, /Add a member/, 'the same tab again');

  const teams = '/organizations/shipyard?tab=teams';
  await ana.submit(teams, '/organizations/shipyard/teams', { team: 'deployers', description: 'May push' });
  await ana.submit(teams, '/organizations/shipyard/team', { team: 'deployers', member: ['bob'] });
  assert.match((await ana.get(teams)).text, /value="bob" checked/);

  const bob = new SiteClient(url);
  await bob.signIn('bob', PASSWORD);
  assert.match((await bob.get('/organizations')).text, /Member</);
  assert.doesNotMatch(
    (await bob.get('/organizations/shipyard?tab=settings')).text,
    /Delete this organization/,
  );
  assert.equal((await nobody.get('/u/shipyard')).status, 200);
  assert.equal((await nobody.get('/organizations/shipyard')).status, 303);

  const settings = '/organizations/shipyard?tab=settings';
  await ana.submit(settings, '/organizations/shipyard/delete', { confirm: 'shipyard' });
  assert.equal((await ana.get('/organizations/shipyard')).status, 404);
});

test('an organization may have the name of a form or of a tab, and has all its tabs', async () => {
  const marks = { members: /Add a member/, teams: /Create a team/, settings: /Delete this organization/ };
  for (const name of ['team', 'members', 'delete', 'constructor']) {
    await ana.submit('/organizations/new', '/organizations/new', { name, 'full-name': '' });
    for (const [tab, mark] of Object.entries(marks)) {
      assert.match((await ana.get(`/organizations/${name}?tab=${tab}`)).text, mark, `${name}, ${tab}`);
    }
    assert.match((await ana.get(`/organizations/${name}`)).text, /No repositories yet/, name);
  }
});

test('an access token is shown once, works for clients, does not open the site, and can be revoked', async () => {
  const tokens = '/settings/tokens';
  const made = await ana.submit(tokens, tokens, { label: 'laptop', permission: 'write', days: '30' });
  assert.equal(made.status, 200);
  const secret = /aria-label="Access token">([^<]+)</.exec(made.text)?.[1] ?? '';
  assert.notEqual(secret, '');
  assert.ok(!(await ana.get(tokens)).text.includes(secret));
  const { permission } = await services.accounts.authenticate('ana', secret, { address: '' });
  assert.equal(permission, 'write');
  const refused = await new SiteClient(url).submit('/login', '/login', { name: 'ana', password: secret });
  assert.equal(refused.status, 401);
  const id = /name="id" value="([^"]+)"/.exec((await ana.get(tokens)).text)?.[1] ?? '';
  await ana.submit(tokens, '/settings/tokens/revoke', { id });
  await assert.rejects(services.accounts.authenticate('ana', secret, { address: '' }), {
    kind: 'unauthorized',
  });
});

test('a changed password ends every other session', async () => {
  const other = new SiteClient(url);
  await other.signIn('ana', PASSWORD);
  const security = '/settings/security';
  const wrong = await ana.submit(security, security, {
    current: 'not it',
    password: 'a new long one',
    again: 'a new long one',
  });
  assert.equal(wrong.status, 400);
  assert.match(wrong.text, /id="h-current" class="hint">\s*<strong class="wrong">/);
  const done = await ana.submit(security, security, {
    current: PASSWORD,
    password: 'a new long one',
    again: 'a new long one',
  });
  assert.equal(done.headers.get('location'), '/settings/security?done=password-changed');
  assert.equal((await ana.get('/dashboard')).status, 200);
  assert.equal((await other.get('/dashboard')).status, 303);
});

test('administrators make accounts, and shut them', async () => {
  const accounts = '/admin/accounts';
  await ada.submit(accounts, accounts, { name: 'carl', password: PASSWORD, again: PASSWORD });
  const carl = new SiteClient(url);
  await carl.signIn('carl', PASSWORD);
  const reset = '/admin/accounts/password';
  const weak = await ada.submit(accounts, reset, { account: 'carl', 'new-password': 'short' });
  assert.equal(weak.status, 400);
  await ada.submit(accounts, reset, { account: 'carl', 'new-password': 'what ada has said' });
  assert.equal((await carl.get('/dashboard')).status, 303, 'the session is over');
  await carl.signIn('carl', 'what ada has said');
  await ada.submit(accounts, '/admin/accounts/change', { account: 'carl', change: 'disable' });
  assert.equal((await carl.get('/dashboard')).status, 303, 'the session is over');
  const refused = await carl.submit('/login', '/login', { name: 'carl', password: 'what ada has said' });
  assert.equal(refused.status, 401);
});

test('signing in leads to where one came from, but never to another site', async () => {
  const client = new SiteClient(url);
  const members = await client.get('/organizations/shipyard?tab=members&page=2');
  assert.equal(
    members.headers.get('location'),
    `/login?next=${encodeURIComponent('/organizations/shipyard?tab=members&page=2')}`,
  );
  const asked = await client.get('/repository/create');
  const login = asked.headers.get('location') ?? '';
  const page = (await client.get(login)).text;
  assert.match(page, /name="next" value="\/repository\/create"/);
  for (const next of ['//evil.example/', 'https://evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
    const fresh = new SiteClient(url);
    const answer = await fresh.submit('/login', '/login', { name: 'bob', password: PASSWORD, next });
    assert.equal(answer.headers.get('location'), '/dashboard', next);
    assert.match(
      (await new SiteClient(url).get(`/login?next=${encodeURIComponent(next)}`)).text,
      /name="next" value="\/dashboard"/,
    );
  }
});

test('signing out ends the session for good', async () => {
  const client = new SiteClient(url);
  await client.signIn('bob', PASSWORD);
  const [kept] = [new Map(client.cookies)];
  assert.equal((await client.submit('/dashboard', '/logout')).status, 303);
  for (const [name, value] of kept) client.cookies.set(name, value);
  assert.equal((await client.get('/dashboard')).status, 303, 'the old cookie opens nothing');
});

test('too many wrong passwords get 429, in the form', async () => {
  const client = new SiteClient(url);
  const statuses = new Set<number>();
  for (let count = 0; count < 8; count++) {
    statuses.add((await client.submit('/login', '/login', { name: 'ghost', password: 'wrong' })).status);
  }
  assert.deepEqual([...statuses], [401, 429]);
});

test('errors are pages, also where there is no route', async () => {
  for (const [path, status] of [
    ['/nothing/here', 404],
    ['/r/none/none', 404],
    ['/u/none', 404],
    ['/star', 405],
    ['/%zz', 400],
  ] as const) {
    const answer = await nobody.get(path);
    assert.equal(answer.status, status, path);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(answer.text, /<h1>/);
  }
  assert.equal((await nobody.get('/search?q=a&page=99999999999')).status, 200);
});
