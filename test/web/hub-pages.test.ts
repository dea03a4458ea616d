import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, noBrowser, type Tab } from '../support/browser.ts';
import { type HubSite, startHubSite } from '../support/hub-site.ts';
import { PAGE_CHECKS } from './page-checks.ts';

const PASSWORD = 'correct horse battery';
const PHONE = 390;
const DESK = 1280;

let site: HubSite;
let browser: Browser;
let tab: Tab;

before(async () => {
  if (noBrowser !== false) return;
  site = await startHubSite();
  browser = await Browser.start();
  tab = await browser.tab();
});
after(async () => {
  await browser?.[Symbol.asyncDispose]();
  await site?.[Symbol.asyncDispose]();
});

test('a person sets the hub up, makes a repository, describes it, stars it and finds it again', {
  skip: noBrowser,
}, async () => {
  await tab.open(`${site.url}/`);
  assert.match(await tab.text(), /Set up this hub/);
  await tab.submit('.entry form', {
    code: site.setupCode,
    name: 'ada',
    'full-name': 'Ada',
    password: PASSWORD,
    again: PASSWORD,
  });
  assert.match(await tab.text(), /Hello, Ada\./);
  assert.equal(await tab.evaluate('location.search'), '', 'the notice is taken out of the address');

  await tab.follow(`document.querySelector('.bar a[href="/repository/create"]').click()`);
  await tab.submit('main form', { name: 'shop', description: 'The shop', category: 'Web servers' });
  assert.match(await tab.text(), /Push its first image/);
  await tab.submit('main form', { overview: '# Shop\n\nSells **things**.' });
  assert.match(await tab.text(), /Your changes are saved/);

  await tab.follow(`document.querySelector('.repo-actions a').click()`);
  await tab.submit('.repo-actions form', {});
  const text = await tab.text();
  assert.match(text, /Starred\s*1/);
  assert.match(text, /Sells things\./);

  await tab.submit('.bar-search', { q: 'shop' });
  assert.match(await tab.text(), /Results for “shop”\s[^]*ada\/shop/);
  await tab.submit('.menu form', {});
  assert.match(await tab.text(), /You have signed out/);
  assert.deepEqual(tab.complaints, []);
});

test('the user menu opens by a click, and closes by Escape and by a click elsewhere', {
  skip: noBrowser,
}, async () => {
  await signIn(tab);
  const isOpen = `document.querySelector('details.menu').open`;
  for (const close of [
    `document.querySelector('details.menu').dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))`,
    `document.querySelector('main').click()`,
  ]) {
    await tab.evaluate(`document.querySelector('details.menu summary').click()`);
    assert.equal(await tab.evaluate(isOpen), true);
    await tab.evaluate(close);
    assert.equal(await tab.evaluate(isOpen), false);
  }
});

test('every page is whole, readable and within the window, on a desk and a phone, by day and night', {
  skip: noBrowser,
}, async () => {
  await fill();
  await signIn(tab);
  tab.complaints.length = 0;
  tab.requests.length = 0;
  for (const [width, scheme] of [
    [DESK, 'light'],
    [PHONE, 'dark'],
  ] as const) {
    await tab.look({ width, scheme });
    for (const path of PAGES) {
      await tab.open(`${site.url}${path}`);
      assert.deepEqual(await tab.evaluate(PAGE_CHECKS), [], `${path} at ${width}, ${scheme}`);
    }
  }
  assert.deepEqual(tab.complaints, [], 'neither errors nor violations of the policy');
  const foreign = tab.requests.filter(address => !address.startsWith(`${site.url}/`));
  assert.deepEqual(foreign, [], 'nothing is asked of others');
});

test('pages for strangers are whole too', { skip: noBrowser }, async () => {
  const stranger = await browser.tab();
  for (const [width, scheme] of [
    [DESK, 'dark'],
    [PHONE, 'light'],
  ] as const) {
    await stranger.look({ width, scheme });
    for (const path of [
      '/',
      '/explore?show=all',
      '/search?q=none',
      '/_/web',
      '/_/web?tab=tags',
      '/u/ada',
      '/login',
      '/signup',
    ]) {
      await stranger.open(`${site.url}${path}`);
      assert.deepEqual(await stranger.evaluate(PAGE_CHECKS), [], `${path} at ${width}, ${scheme}`);
    }
  }
  assert.deepEqual(stranger.complaints, []);
});

test('a script that got into a page does not run, and is complained about', { skip: noBrowser }, async () => {
  const victim = await browser.tab();
  await victim.open(`${site.url}/explore`);
  await victim.evaluate(`{
    const script = document.createElement('script');
    script.textContent = 'window.wasHurt = true';
    document.body.append(script);
    const picture = document.createElement('img');
    picture.src = 'http://127.0.0.1:9/x.png';
    document.body.append(picture);
  }`);
  assert.equal(await victim.evaluate('window.wasHurt === undefined'), true);
  assert.match(victim.complaints.join('\n'), /Content Security Policy/);
});

test('the site works without scripts', { skip: noBrowser }, async () => {
  const plain = await browser.tab();
  await plain.withoutScripts();
  await plain.open(`${site.url}/login`);
  await plain.submit('.entry form', { name: 'ada', password: PASSWORD });
  assert.match(await plain.text(), /Welcome back, Ada\./);
  await plain.submit('.order, .bar-search', { q: 'shop' });
  await plain.open(`${site.url}/explore`);
  assert.equal(await plain.evaluate(`document.querySelector('.order button').checkVisibility()`), true);
  assert.equal(await plain.evaluate(`document.querySelector('.copy')?.checkVisibility() ?? false`), false);
});

const PAGES = `
  / /explore /explore?show=all /explore?category=Security /search?q=shop /search?q=none
  /_/web /_/web?tab=tags /r/ada/shop /r/ada/shop?tab=tags /u/ada /u/library /dashboard
  /organizations /organizations/new /organizations/shipyard /organizations/shipyard?tab=members
  /organizations/shipyard?tab=teams /organizations/shipyard?tab=settings /repository/create
  /repository/library/web/general /repository/library/web/tags /repository/library/web/collaborators
  /repository/library/web/webhooks /repository/ada/shop/settings
  /settings/profile /settings/security /settings/tokens?done=revoked /admin/accounts
`
  .trim()
  .split(/\s+/);

async function fill(): Promise<void> {
  const { accounts, organizations, repositories, webhooks, accessTokens } = site.services;
  const ada = accounts.find('ada');
  await accounts.create(ada, { name: 'somebody-with-a-rather-long-na', password: PASSWORD });
  organizations.create(ada, {
    name: 'shipyard',
    fullName: 'A shipyard with a name that is rather long for a phone',
  });
  organizations.createTeam(ada, 'shipyard', { name: 'deployers', description: 'May push' });
  for (const tag of [
    '1.0',
    '1.1',
    'a-tag-that-is-longer-than-what-people-make-up-but-programs-do-0123456789abcdef',
  ]) {
    site.catalog.push('library/web', tag, 'ada');
  }
  repositories.update(ada, 'library/web', {
    description: 'A server with a description that takes more than the one line there is on a phone',
    overview:
      '# Web\n\n|A|B|C|D|\n|-|-|-|-|\n|`a-long-word-in-code`|`a-long-word-in-code`|`a-long-word-in-code`|x|\n\n```\na line of code that is much longer than a phone is wide, and must not make the page so\n```\n\nhttps://example.com/an/address/that/is/longer/than/a/phone/is/wide/and/has/no/spaces',
    category: 'Web servers',
  });
  webhooks.create(ada, 'library/web', { name: 'ci', url: `https://ci.example.com/${'long/'.repeat(20)}` });
  accessTokens.create(ada, { label: 'laptop', permission: 'read', expiresAt: Date.now() + 1e9 });
}

async function signIn(to: Tab): Promise<void> {
  await to.open(`${site.url}/login`);
  if (/Welcome back/.test(await to.text())) return;
  await to.submit('.entry form', { name: 'ada', password: PASSWORD });
  assert.match(await to.text(), /Welcome back/);
}
