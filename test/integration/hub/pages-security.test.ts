import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Account } from '#hub/hub-records';
import { startHubSite } from '../../support/hub-site.ts';
import { SiteClient } from '../../support/site-client.ts';

const PASSWORD = 'correct horse battery';
/** Whatever it stands in: text, a value in either kind of quotes, a tag. The second part can only be markup. */
const CANARY = `x"'\`><xss-canary onclick=alert(1)>`;
const MARKUP = [
  /<xss/i,
  /"'`></,
  /<(?:script|img|iframe|object|svg)[^>]*(?:alert|onerror|onload)/i,
  /href="(?:javascript|data|vbscript):/i,
];

const site = await startHubSite();
const { services, catalog, url, setupCode } = site;
after(() => site[Symbol.asyncDispose]());

let ana: Account;
let ada: Account;
const clients = { nobody: new SiteClient(url), ana: new SiteClient(url), ada: new SiteClient(url) };

before(async () => {
  ada = await services.accounts.create(undefined, {
    name: 'ada',
    password: PASSWORD,
    fullName: CANARY,
    setupCode,
  });
  ana = await services.accounts.create(undefined, { name: 'ana', password: PASSWORD, fullName: CANARY });
  await clients.ana.signIn('ana', PASSWORD);
  await clients.ada.signIn('ada', PASSWORD);
  fill();
});

/** Puts the canary wherever somebody can put text. */
function fill(): void {
  const { repositories, organizations, webhooks, accessTokens } = services;
  organizations.create(ana, { name: 'shipyard', fullName: CANARY });
  organizations.createTeam(ana, 'shipyard', { name: 'team', description: CANARY });
  for (const name of ['ana/app', 'shipyard/app', 'library/app']) {
    // What a registry would refuse is shown all the same, should it ever let it through.
    catalog.push(name, 'latest', 'ana');
    catalog.push(name, CANARY, CANARY);
    repositories.update(name.startsWith('library') ? ada : ana, name, {
      description: CANARY,
      overview: [
        CANARY,
        `[${CANARY}](javascript:alert(1))`,
        `[x](https://a.example/ "${CANARY}")`,
        `![${CANARY}](data:text/html,${CANARY})`,
        `<img src=x onerror=alert(1)>`,
        `\`\`\`${CANARY}\n${CANARY}\n\`\`\``,
        `|${CANARY}|\n|-|\n|${CANARY}|`,
      ].join('\n\n'),
    });
  }
  repositories.setCollaborator(ana, 'shipyard/app', 'shipyard/team', 'read');
  webhooks.create(ana, 'ana/app', { name: CANARY, url: `https://ci.example.com/?${CANARY}` });
  accessTokens.create(ana, { label: CANARY, permission: 'read' });
}

function assertInert(text: string, where: string): void {
  for (const markup of MARKUP) assert.doesNotMatch(text, markup, where);
}

for (const [who, client] of Object.entries(clients)) {
  test(`no page shows as markup what somebody wrote: all pages, as ${who}`, async () => {
    const seen = new Set(['/', '/login', '/signup', '/setup', '/settings/profile', '/admin/accounts']);
    let withCanary = 0;
    for (const path of seen) {
      assert.ok(seen.size < 400, 'the pages do not end');
      const { text, headers } = await client.get(path);
      if (!(headers.get('content-type') ?? '').startsWith('text/html')) continue;
      assertInert(text, path);
      if (text.includes('&lt;xss-canary')) withCanary += 1;
      for (const [, link = ''] of text.matchAll(/href="(\/[^"]*)"/g)) seen.add(link.replaceAll('&amp;', '&'));
      const next = headers.get('location');
      if (next !== null) seen.add(next);
    }
    assert.ok(seen.size > 20, `only ${seen.size} pages`);
    assert.ok(withCanary > 5, `the canary is in ${withCanary} pages only`);
  });
}

test('no page shows as markup what an address says', async () => {
  const bad = encodeURIComponent(CANARY);
  const paths = [
    `/search?q=${bad}`,
    `/search?q=a&order=${bad}&official=${bad}&page=${bad}`,
    `/explore?category=${bad}&show=${bad}&order=${bad}`,
    `/login?next=${bad}`,
    `/login?next=${encodeURIComponent(`/${CANARY}`)}`,
    `/explore?done=${bad}`,
    `/r/ana/app?tab=tags&tag=${bad}`,
    `/r/${bad}/${bad}`,
    `/_/${bad}`,
    `/u/${bad}`,
    `/organizations/${bad}`,
    `/repository/${bad}/general`,
    `/repository/create?namespace=${bad}`,
    `/dashboard?namespace=${bad}`,
    `/${bad}`,
  ];
  for (const path of paths) {
    for (const client of Object.values(clients)) {
      const { text, headers, status } = await client.get(path, {
        'User-Agent': CANARY.replace(/[^ -~]/g, ''),
      });
      assertInert(text, path);
      assertInert(headers.get('location') ?? '', path);
      assert.ok(status < 500, `${path}: ${status}`);
    }
  }
});

test('a host that is none is not shown', async () => {
  const { request } = await import('node:http');
  const { text } = await import('node:stream/consumers');
  const answer = await new Promise<string>((resolve, reject) => {
    const call = request(`${url}/signup`, { headers: { Host: 'a"><xss-canary' } }, response => {
      text(response).then(resolve, reject);
    });
    call.on('error', reject);
    call.end();
  });
  assert.doesNotMatch(answer, /xss/);
  assert.match(answer, /localhost\/NAME\/my-app/);
});

test('no form shows as markup what was typed', async () => {
  const forms: readonly (readonly [from: string, action: string, fields: readonly string[]])[] = [
    [
      '/repository/create',
      '/repository/create',
      ['namespace', 'name', 'description', 'category', 'visibility'],
    ],
    ['/organizations/new', '/organizations/new', ['name', 'full-name']],
    ['/repository/ana/app/collaborators', '/repository/ana/app/collaborators', ['who', 'permission']],
    ['/repository/ana/app/webhooks', '/repository/ana/app/webhooks', ['name', 'url']],
    ['/repository/ana/app/tags', '/repository/ana/app/tags', ['tag']],
    ['/repository/ana/app/settings', '/repository/ana/app/delete', ['confirm']],
    ['/repository/ana/app/settings', '/repository/ana/app/settings', ['visibility']],
    ['/organizations/shipyard?tab=members', '/organizations/shipyard/members', ['account', 'role']],
    ['/organizations/shipyard?tab=teams', '/organizations/shipyard/teams', ['team', 'description']],
    ['/organizations/shipyard?tab=settings', '/organizations/shipyard/delete', ['confirm']],
    ['/settings/tokens', '/settings/tokens', ['label', 'permission', 'days']],
    ['/settings/tokens', '/settings/tokens/revoke', ['id']],
    ['/settings/security', '/settings/security', ['current', 'password', 'again']],
    ['/_/app', '/star', ['name', 'star']],
  ];
  for (const [from, action, fields] of forms) {
    // From a page as it stands: what this test sends may have changed it.
    const answer = await clients.ana.submit(
      from,
      action,
      Object.fromEntries(fields.map(name => [name, CANARY])),
    );
    assertInert(answer.text, action);
    assert.ok(answer.status < 500, `${action}: ${answer.status}`);
  }
  for (const action of ['/login', '/signup']) {
    const stranger = new SiteClient(url);
    const answer = await stranger.submit(action, action, {
      name: CANARY,
      'full-name': CANARY,
      password: CANARY,
      next: CANARY,
    });
    assertInert(answer.text, action);
    assert.ok(answer.status >= 400 && answer.status < 500, action);
  }
});

test('every answer says what the browser may do with it', async () => {
  for (const path of ['/explore', '/login', '/r/none/none', '/nothing', '/dashboard']) {
    const { headers } = await clients.ana.get(path);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; /, path);
    for (const rule of ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]) {
      assert.ok(policy.includes(rule), `${path}: ${rule}`);
    }
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'same-origin');
    assert.equal(headers.get('cache-control'), 'no-store');
  }
});

test('style and icon are kept for good, under a name that changes with them', async () => {
  const { text } = await clients.nobody.get('/explore');
  const found = [...text.matchAll(/href="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  assert.equal(found.length, 2);
  for (const path of found) {
    const { status, headers } = await clients.nobody.get(path);
    assert.equal(status, 200);
    assert.match(headers.get('cache-control') ?? '', /immutable/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});

test('cookies are out of the reach of scripts and other sites', async () => {
  const stranger = new SiteClient(url);
  const page = await stranger.get('/login');
  assert.match(
    page.headers.get('set-cookie') ?? '',
    /^quai-visitor=[\w-]{32}; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  const explored = await new SiteClient(url).get('/explore');
  assert.equal(explored.headers.get('set-cookie'), null, 'who only looks gets none');
});

test('over TLS cookies are bound to the host, and browsers are told to stay', async () => {
  await using secure = await startHubSite({ isSecure: true });
  await secure.services.accounts.create(undefined, {
    name: 'ada',
    password: PASSWORD,
    setupCode: secure.setupCode,
  });
  const client = new SiteClient(secure.url);
  const page = await client.get('/login');
  assert.match(
    page.headers.get('set-cookie') ?? '',
    /^__Host-quai-visitor=[\w-]{32}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  );
  assert.match(page.headers.get('strict-transport-security') ?? '', /^max-age=\d{8}$/);
  await client.signIn('ada', PASSWORD);
  assert.ok(client.cookies.has('__Host-quai-session'));
});

test('a form without the token of the session, or from elsewhere, changes nothing', async () => {
  const { ana: client } = clients;
  const action = '/settings/profile';
  const page = (await client.get(action)).text;
  const token = /name="form-token" value="([^"]*)"/.exec(page)?.[1] ?? '';
  const others = (await clients.ada.get(action)).text;
  const stolen = /name="form-token" value="([^"]*)"/.exec(others)?.[1] ?? '';
  const body = (value: string): URLSearchParams =>
    new URLSearchParams({ 'full-name': 'Mallory', 'form-token': value });
  const refusals: readonly (readonly [URLSearchParams, Record<string, string>])[] = [
    [new URLSearchParams({ 'full-name': 'Mallory' }), {}],
    [body(''), {}],
    [body(stolen), {}],
    [body(`${token}x`), {}],
    [body(token), { Origin: 'https://evil.example' }],
    [body(token), { Origin: 'null' }],
    [body(token), { 'Sec-Fetch-Site': 'cross-site' }],
    [body(token), { 'Sec-Fetch-Site': 'same-site' }],
  ];
  for (const [form, headers] of refusals) {
    const answer = await client.post(action, form, headers);
    assert.equal(answer.status, 403, JSON.stringify(headers));
    assert.match(answer.text, /<h1>Not allowed<\/h1>/);
  }
  assert.equal(services.accounts.find('ana')?.fullName, ana.fullName);
  const stranger = new SiteClient(url);
  assert.equal(
    (await stranger.post('/login', new URLSearchParams({ name: 'ana', password: PASSWORD }))).status,
    403,
  );
  assert.equal(
    (await client.post(action, body(token), { Origin: url, 'Sec-Fetch-Site': 'same-origin' })).status,
    303,
  );
});

test('what was written in a session that has ended is not lost, and not shown to who is led here by another site', async () => {
  const stranger = new SiteClient(url);
  const body = new URLSearchParams({
    overview: `long ${CANARY} `.repeat(5),
    password: 'x'.repeat(40),
    'form-token': 'old',
  });
  const answer = await stranger.post('/repository/ana/app/general', body);
  assert.equal(answer.status, 403);
  assert.match(answer.text, /<textarea[^>]* readonly[^>]*>\nlong x&quot;/);
  assert.doesNotMatch(answer.text, /x{40}/);
  assertInert(answer.text, 'out of date');
  const foreign = await stranger.post('/repository/ana/app/general', body, {
    'Sec-Fetch-Site': 'cross-site',
  });
  assert.equal(foreign.status, 403);
  assert.doesNotMatch(foreign.text, /readonly/);
});

test('a form that is no form, or too large, is refused', async () => {
  const { ana: client } = clients;
  const json = { 'Content-Type': 'application/json' };
  assert.equal((await client.post('/settings/profile', '{}', json)).status, 415);
  assert.equal((await client.post('/settings/profile', 'x'.repeat(600_000))).status, 413);
  assert.equal((await client.get('/dashboard')).status, 200);
});

test('what others keep to themselves can not be told from what is not there', async () => {
  services.repositories.create(ana, { name: 'ana/secret', description: 'hidden words', isPrivate: true });
  catalog.push('ana/secret', 'latest', 'ana');
  await services.accounts.create(ada, { name: 'eve', password: PASSWORD });
  const eve = new SiteClient(url);
  await eve.signIn('eve', PASSWORD);
  for (const client of [clients.nobody, eve]) {
    for (const part of ['/r/ana/NAME', '/r/ana/NAME?tab=tags', '/repository/ana/NAME/general']) {
      const [hidden, none] = [
        await client.get(part.replace('NAME', 'secret')),
        await client.get(part.replace('NAME', 'nothng')),
      ];
      assert.equal(hidden.status, none.status, part);
      assert.equal(mask(hidden.text), mask(none.text), part);
    }
    for (const path of ['/search?q=hidden', '/search?q=secret', '/u/ana', '/explore?show=all', '/search']) {
      assert.doesNotMatch((await client.get(path)).text, /ana\/secret/, path);
    }
  }
  assert.equal((await clients.ana.get('/r/ana/secret')).status, 200);
});

/** Without what differs from one visit to the next. */
function mask(text: string): string {
  return text.replace(/form-token" value="[^"]*"/g, '');
}
