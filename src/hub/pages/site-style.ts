import { STYLE_LISTS } from './site-style-lists.ts';

const BASE = `
:root {
  color-scheme: light dark;
  --page: #f5f7fa; --surface: #ffffff; --raised: #ffffff; --sunk: #eef2f6;
  --ink: #13202d; --soft: #516070; --line: #dce3ea; --line-strong: #b9c5d1;
  --link: #0a62b8; --accent: #0a6fc9; --accent-ink: #ffffff; --accent-hover: #085da9; --accent-wash: #e6f1fc;
  --good: #0a6b4f; --good-wash: #e3f5ee; --good-line: #a9dcc9;
  --bad: #b3261e; --bad-wash: #fdecea; --bad-line: #f3b8b3;
  --mark: #0a7264; --mark-wash: #dff4f0; --star: #955800;
  --bar: #0c2036; --bar-ink: #eaf2fa; --bar-soft: #a9bdd1; --bar-field: #1b3350; --bar-line: #33506f;
  --shadow: 0 1px 2px rgb(16 32 48 / 6%), 0 2px 8px rgb(16 32 48 / 4%);
  --shadow-high: 0 4px 10px rgb(16 32 48 / 10%), 0 12px 32px rgb(16 32 48 / 16%);
  --mono: ui-monospace, "SFMono-Regular", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --radius: 10px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0b1219; --surface: #131c26; --raised: #1a2531; --sunk: #0e161f;
    --ink: #e5edf4; --soft: #9fb1c2; --line: #24313e; --line-strong: #3b4c5d;
    --link: #6fb8ff; --accent: #2f8fe8; --accent-ink: #04111f; --accent-hover: #55a8f5; --accent-wash: #12293f;
    --good: #6fd6b3; --good-wash: #0f2a23; --good-line: #1f5546;
    --bad: #ff9a92; --bad-wash: #331816; --bad-line: #6b2f2a;
    --mark: #5fd3c0; --mark-wash: #0f2d2a; --star: #f0b429;
    --bar: #0a1826; --bar-field: #13263a; --bar-line: #2a4057;
    --shadow: 0 0 0 1px rgb(255 255 255 / 2%); --shadow-high: 0 8px 30px rgb(0 0 0 / 55%);
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scrollbar-gutter: stable; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--page); color: var(--ink);
  font: 16px/1.55 var(--sans); overflow-wrap: anywhere; -webkit-font-smoothing: antialiased;
}
h1, h2, h3, h4, p, ul, ol, dl, dd, figure { margin: 0; }
ul, ol { padding: 0; list-style: none; }
h1, h2, h3 { line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
h1 { font-size: 1.75rem; font-weight: 700; }
h2 { font-size: 1.125rem; font-weight: 650; }
h3 { font-size: 1rem; font-weight: 650; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre { font-family: var(--mono); font-size: .875em; }
button, input, select, textarea { font: inherit; color: inherit; }
summary { cursor: pointer; }
:focus-visible { outline: 3px solid color-mix(in srgb, var(--accent) 70%, white); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
.icon { flex: none; vertical-align: -.14em; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
.soft { color: var(--soft); }
.small { font-size: .8125rem; }
.skip { position: absolute; left: -999px; top: 0; z-index: 30; background: var(--surface); padding: .75rem 1rem; }
.skip:focus { left: .5rem; top: .5rem; box-shadow: var(--shadow-high); }

.bar { background: var(--bar); color: var(--bar-ink); position: sticky; top: 0; z-index: 20; }
.bar-in { max-width: 80rem; margin: 0 auto; padding: .625rem 1.5rem; display: flex; align-items: center; gap: 1.25rem; min-height: 4rem; }
.bar a { color: inherit; }
.brand { display: flex; align-items: center; gap: .625rem; font-size: 1.125rem; flex: none; letter-spacing: -.01em; }
.brand:hover { text-decoration: none; }
.brand b { font-weight: 400; color: var(--bar-soft); }
.brand span { font-weight: 700; }
.main-nav { display: flex; gap: .25rem; flex: none; }
.main-nav a { padding: .4rem .75rem; border-radius: 8px; color: var(--bar-soft); font-weight: 550; font-size: .9375rem; }
.main-nav a:hover { color: var(--bar-ink); background: var(--bar-field); text-decoration: none; }
.main-nav a[aria-current] { color: #fff; background: var(--bar-field); }
.bar-search { flex: 1; display: flex; max-width: 32rem; margin-left: auto; position: relative; }
.bar-search input {
  width: 100%; height: 2.5rem; padding: 0 2.75rem 0 1rem; border-radius: 8px; border: 1px solid var(--bar-line);
  background: var(--bar-field); color: var(--bar-ink); font-size: .9375rem; -webkit-appearance: none; appearance: none;
}
.bar-search input::placeholder { color: var(--bar-soft); opacity: 1; }
.bar-search input:focus { background: #fff; color: #13202d; border-color: #fff; outline: 3px solid #4aa5f0; outline-offset: 0; }
.bar-search input:focus + button { color: #516070; }
.bar-search button { position: absolute; right: 0; top: 0; width: 2.75rem; height: 2.5rem; border: 0; background: none; color: var(--bar-soft); cursor: pointer; }
.bar-search button:hover { color: #fff; }
.bar-end { display: flex; align-items: center; gap: .625rem; flex: none; }
.bar .button { height: 2.5rem; }
.button.on-bar { background: transparent; border-color: var(--bar-line); color: var(--bar-ink); }
.button.on-bar:hover { background: var(--bar-field); }
.bar .button.primary { color: var(--accent-ink); }
.menu { position: relative; }
.menu summary { list-style: none; display: flex; align-items: center; gap: .5rem; padding: .25rem .5rem; border-radius: 8px; font-size: .9375rem; }
.menu summary::-webkit-details-marker { display: none; }
.menu summary:hover, .menu[open] summary { background: var(--bar-field); }
.menu-name { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.menu-list {
  position: absolute; right: 0; top: calc(100% + .5rem); min-width: 15rem; background: var(--raised); color: var(--ink);
  border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow-high); padding: .375rem; font-size: .9375rem;
}
.menu-list p { padding: .5rem .75rem .625rem; font-size: .875rem; color: var(--soft); border-bottom: 1px solid var(--line); margin-bottom: .375rem; }
.menu-list p strong { color: var(--ink); }
.menu-list a, .menu-list button { display: block; width: 100%; text-align: left; padding: .5rem .75rem; border-radius: 6px; color: var(--ink); border: 0; background: none; cursor: pointer; }
.menu-list a:hover, .menu-list button:hover { background: var(--sunk); text-decoration: none; }
.menu-list form { border-top: 1px solid var(--line); margin-top: .375rem; padding-top: .375rem; }

main { width: 100%; max-width: 80rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; flex: 1; }
main.narrow { max-width: 36rem; }
.foot { border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
.foot > div { max-width: 80rem; margin: 0 auto; padding: 1.25rem 1.5rem; display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; justify-content: space-between; }
.foot nav { display: flex; gap: 1.25rem; }
.foot a { color: inherit; }

.button {
  display: inline-flex; align-items: center; justify-content: center; gap: .45rem; height: 2.5rem; padding: 0 1rem; border-radius: 8px;
  border: 1px solid var(--line-strong); background: var(--surface); color: var(--ink); font-weight: 600; font-size: .9375rem; cursor: pointer; white-space: nowrap;
}
.button:hover { background: var(--sunk); text-decoration: none; }
.button.primary { background: var(--accent); border-color: transparent; color: var(--accent-ink); }
.button.primary:hover { background: var(--accent-hover); }
.button.quiet { border-color: transparent; background: transparent; }
.button.quiet:hover { background: var(--sunk); }
.button.danger { color: var(--bad); border-color: var(--bad-line); }
.button.danger:hover { background: var(--bad-wash); }
.button.quiet.danger { border-color: transparent; }
.button.full { width: 100%; margin-top: .5rem; }
.button.starred { color: var(--star); }
.button .count { margin-left: .15rem; }
.button .count, .tabs .count { background: var(--sunk); color: var(--soft); border-radius: 99px; padding: 0 .5rem; font-size: .8125rem; font-weight: 600; line-height: 1.375rem; }
.actions { display: flex; flex-wrap: wrap; gap: .625rem; align-items: center; margin-top: 1.25rem; }

.panel { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 1.25rem 1.5rem; box-shadow: var(--shadow); }
.panel + .panel { margin-top: 1.25rem; }
.panel > h2 { margin-bottom: .875rem; display: flex; gap: .5rem; align-items: center; }
.panel > h2 + .soft { margin: -.5rem 0 1rem; }
.notice { border: 1px solid; border-radius: var(--radius); padding: .75rem 1rem; margin-bottom: 1.5rem; }
.notice h2 { margin-bottom: .25rem; }
.notice-good { background: var(--good-wash); border-color: var(--good-line); color: var(--good); }
.notice-bad { background: var(--bad-wash); border-color: var(--bad-line); color: var(--bad); }
.danger-zone { border-color: var(--bad-line); }
.panel > p + .command, .notice > p + .command, .empty > p + .command { margin-top: .75rem; }
.panel > p + form { margin-top: 1rem; }
main > .panel { max-width: 46rem; }
main > .panel.rows, main > .panel.scroll { max-width: none; }
.danger-zone > h2 { color: var(--bad); }

.field { margin: 0 0 1.125rem; border: 0; padding: 0; min-width: 0; }
.field > label:not(.choice), .field > legend { display: block; font-weight: 600; font-size: .9375rem; margin-bottom: .375rem; padding: 0; }
.field input:not([type=radio], [type=checkbox]), .field textarea, select {
  width: 100%; border: 1px solid var(--line-strong); border-radius: 8px; background: var(--surface); padding: .5rem .75rem; min-height: 2.75rem;
}
select { padding-right: 2rem; cursor: pointer; }
.field textarea { font-family: var(--mono); font-size: .875rem; line-height: 1.6; resize: vertical; }
.field input:focus, .field textarea:focus, select:focus { border-color: var(--accent); outline: 3px solid color-mix(in srgb, var(--accent) 30%, transparent); outline-offset: 0; }
.field.bad input, .field.bad textarea, .field.bad select { border-color: var(--bad); }
.hint { color: var(--soft); font-size: .8125rem; margin-top: .375rem; }
.hint:empty { display: none; }
.wrong { color: var(--bad); font-weight: 600; display: block; }
.choice { display: flex; gap: .75rem; padding: .75rem .875rem; border: 1px solid var(--line); border-radius: 8px; cursor: pointer; }
.choice + .choice { margin-top: .5rem; }
.choice:has(:checked) { border-color: var(--accent); background: var(--accent-wash); }
.choice input { margin: .3rem 0 0; accent-color: var(--accent); }
.choice .hint { display: block; margin: 0; }
.pair { display: grid; grid-template-columns: minmax(8rem, 1fr) 2fr; gap: 0 1rem; }
.boxes { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; }
.boxes label { display: inline-flex; gap: .5rem; align-items: center; }
.boxes input { accent-color: var(--accent); width: 1.05rem; height: 1.05rem; }
.inline { display: flex; flex-wrap: wrap; gap: .375rem; align-items: center; justify-content: flex-end; }
.inline select { width: auto; min-height: 2.375rem; padding: .35rem 1.75rem .35rem .6rem; font-size: .9375rem; }
.command { display: flex; align-items: stretch; background: var(--sunk); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.command + .command { margin-top: .5rem; }
.command code { flex: 1; min-width: 0; padding: .6rem .875rem; overflow-x: auto; white-space: nowrap; color: var(--ink); font-size: .8438rem; line-height: 1.6; }
.command .copy { border: 0; border-left: 1px solid var(--line); background: transparent; padding: 0 .75rem; font-size: .8125rem; font-weight: 600; color: var(--link); cursor: pointer; min-width: 4.5rem; }
.command .copy:hover { background: var(--accent-wash); }
.entry { padding: 2rem 2rem 2.25rem; }
.entry .logo { width: 3rem; height: 3rem; display: block; margin-bottom: 1rem; }
.entry h1 { margin-bottom: 1.25rem; font-size: 1.5rem; }
.entry h1 + .soft { margin: -.875rem 0 1.25rem; }
.entry-foot { text-align: center; margin-top: 1.25rem; color: var(--soft); }
.error-page { text-align: center; padding: 3rem 0; }
.error-page .actions { justify-content: center; margin-top: 1.75rem; }
.error-page h1 { margin-bottom: .625rem; }
.error-status { font-size: 4.5rem; font-weight: 800; line-height: 1; color: var(--line-strong); margin-bottom: .75rem; letter-spacing: -.04em; }
`;

const PHONE = `
@media (max-width: 64rem) {
  .with-side, .with-side.right { grid-template-columns: minmax(0, 1fr); }
  .with-side.right > .side { order: 0; }
  .filters ul { display: flex; gap: .375rem; overflow-x: auto; padding-bottom: .25rem; scrollbar-width: thin; }
  .filters li a { margin: 0; white-space: nowrap; border: 1px solid var(--line); border-radius: 99px; padding: .25rem .75rem; font-size: .875rem; }
  .bar-in { flex-wrap: wrap; gap: .5rem .75rem; padding: .625rem 1rem; }
  .bar-end { margin-left: auto; }
  .bar-search { order: 3; flex: 1 0 100%; max-width: none; margin: 0; }
}
@media (max-width: 44rem) {
  body { font-size: 15px; }
  main { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.4375rem; }
  .bar { position: static; }
  .main-nav { order: 4; flex: 1 0 100%; overflow-x: auto; margin: 0 -.5rem; scrollbar-width: none; }
  .menu-name, .create span { display: none; }
  .create { width: 2.5rem; padding: 0; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .panel { padding: 1rem; }
  .entry { padding: 1.25rem; }
  .hero { padding: 1.5rem 1.25rem; }
  .repo-head { flex-wrap: wrap; gap: .875rem; align-items: flex-start; }
  .repo-head .tile-large { width: 3rem; height: 3rem; font-size: 1.375rem; }
  .repo-title { flex-basis: calc(100% - 4rem); }
  .empty { padding: 1.25rem; }
  .steps li { padding-left: 2.5rem; }
  .inline .button { padding: 0 .625rem; }
  .repo-actions { width: 100%; }
  .row { flex-wrap: wrap; }
  .rows.panel { padding: 0 1rem; }
  .row > form, .row > .stats, .row > .inline { width: 100%; justify-content: flex-start; padding-left: 0; }
  .facts.across { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (prefers-reduced-motion: no-preference) {
  .card, .button, .choice { transition: background-color .12s, border-color .12s, box-shadow .12s; }
}
@media print { .bar, .foot, .repo-actions, .copy { display: none; } }
`;

/** The one stylesheet of the site. It asks no other host for anything, fonts neither. */
export const STYLE = [BASE, STYLE_LISTS, PHONE].join('');
