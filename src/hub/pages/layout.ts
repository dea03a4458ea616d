import type { PageDocument, Section } from './answer.ts';
import { assets } from './assets.ts';
import { attribute, type Content, type Html, html, trusted } from './html.ts';
import { icons, logo } from './icons.ts';
import { noticeOf } from './notices.ts';
import { tile } from './parts.ts';
import { paths } from './paths.ts';
import { SCRIPT } from './site-script.ts';
import type { Visit } from './visit.ts';

const script = trusted(`<script>${SCRIPT}</script>`);

/** The page around what a page shows: head, navigation, search, user menu, foot. */
export function layout(visit: Visit, document: PageDocument): Html {
  const { title, body, section, width = 'wide' } = document;
  const notice = noticeOf(visit.query('done'));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title === '' ? 'Quai Hub' : `${title} · Quai Hub`}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" type="image/svg+xml" href="${assets.icon.path}">
<link rel="stylesheet" href="${assets.style.path}">
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="bar"><div class="bar-in">
  <a class="brand" href="/" aria-label="Quai Hub, start">${logo}<span>Quai <b>Hub</b></span></a>
  <nav class="main-nav" aria-label="Main">${navigation(visit, section)}</nav>
  <form class="bar-search" role="search" action="/search" method="get">
    <label class="hidden" for="search">Search repositories</label>
    <input id="search" type="search" name="q" value="${visit.path === '/search' ? visit.query('q') : ''}" placeholder="Search repositories" autocomplete="off" spellcheck="false" maxlength="200">
    <button type="submit" aria-label="Search">${icons.search}</button>
  </form>
  <div class="bar-end">${visit.viewer ? userMenu(visit, section) : signIn(visit)}</div>
</div></header>
<main id="main" class="${width}" tabindex="-1">
${notice && html`<div class="notice notice-good" role="status">${notice}</div>`}
${body}
</main>
<footer class="foot"><div>
  <span>Quai Hub at <code>${visit.host}</code></span>
  <nav aria-label="Foot"><a href="/explore">Explore</a><a href="/search">All repositories</a></nav>
</div></footer>
${script}
</body>
</html>
`;
}

function navigation({ viewer }: Visit, section: Section | undefined): Content {
  const links: readonly (readonly [Section, string, string])[] = [
    ...(viewer ? [['dashboard', '/dashboard', 'Dashboard'] as const] : []),
    ['explore', '/explore', 'Explore'],
    ...(viewer ? [['organizations', '/organizations', 'Organizations'] as const] : []),
  ];
  return links.map(([name, href, text]) => link(href, text, name === section));
}

function link(href: string, text: string, isCurrent: boolean): Html {
  return html`<a href="${href}" ${attribute('aria-current', isCurrent ? 'page' : undefined)}>${text}</a>`;
}

function signIn({ options }: Visit): Html {
  return html`<a class="button on-bar" href="/login">Sign in</a>
    ${options.isSignUpOpen && html`<a class="button primary" href="/signup">Sign up</a>`}`;
}

/** A disclosure: opens with and without scripts, by pointer and keyboard. */
function userMenu(visit: Visit, section: Section | undefined): Html {
  const account = visit.account();
  return html`<a class="button primary create" href="/repository/create">${icons.plus}<span>Create</span></a>
  <details class="menu">
    <summary aria-label="User menu of ${account.name}">${tile(account.name, 'small')}<span class="menu-name">${account.name}</span>${icons.down}</summary>
    <div class="menu-list">
      <p>Signed in as <strong>${account.name}</strong></p>
      <ul>
        <li>${link(paths.namespace(account.name), 'My profile', false)}</li>
        <li>${link('/dashboard', 'Dashboard', section === 'dashboard')}</li>
        <li>${link('/organizations', 'Organizations', section === 'organizations')}</li>
        <li>${link('/settings/profile', 'Settings', section === 'settings')}</li>
        <li>${link('/settings/tokens', 'Access tokens', false)}</li>
        ${account.isAdmin && html`<li>${link('/admin/accounts', 'Administration', section === 'admin')}</li>`}
      </ul>
      <form method="post" action="/logout">${visit.formField()}<button type="submit" class="plain">Sign out</button></form>
    </div>
  </details>`;
}
