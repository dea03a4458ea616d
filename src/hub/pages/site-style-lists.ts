/** The part of the stylesheet for what lists and repositories are shown with. */
export const STYLE_LISTS = `
.hero { display: flex; flex-wrap: wrap; gap: 1.25rem 2rem; align-items: center; justify-content: space-between; padding: 2rem 2.25rem; margin-bottom: 2rem; border-radius: 14px;
  color: #fff; background: linear-gradient(120deg, #0b4f94 0%, #0a6fc0 55%, #0f93b8 100%); }
.hero h1 { font-size: 2rem; }
.hero p { margin-top: .375rem; color: #e2f0fc; max-width: 38rem; }
.hero-side { flex: 0 1 20rem; min-width: min(100%, 16rem); }
.hero .command { background: rgb(4 26 50 / 45%); border-color: rgb(255 255 255 / 25%); }
.hero .command code, .hero .command .copy { color: #fff; }
.hero .command .copy { border-color: rgb(255 255 255 / 25%); }
.hero .command .copy:hover { background: rgb(255 255 255 / 12%); }

.page-head { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; justify-content: space-between; margin-bottom: 1.5rem; }
.with-side { display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 2rem; align-items: start; }
.with-side.right { grid-template-columns: minmax(0, 1fr) 22rem; }
.with-tile { display: flex; gap: 1rem; align-items: center; }
.tabs { display: flex; gap: .25rem; border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; overflow-x: auto; scrollbar-width: none; }
.tabs a { padding: .625rem .875rem; color: var(--soft); font-weight: 600; font-size: .9375rem; border-bottom: 3px solid transparent; margin-bottom: -1px; white-space: nowrap; }
.tabs a:hover { color: var(--ink); text-decoration: none; border-color: var(--line-strong); }
.tabs a[aria-current] { color: var(--link); border-color: var(--accent); }
.tabs a:focus-visible { outline-offset: -3px; }
.list-head { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; align-items: center; justify-content: space-between; margin-bottom: 1rem; }
.list-head h2 { font-size: 1.25rem; }
.list-count { margin-bottom: .75rem; font-size: .9375rem; }
h2 + .rows, h2 + .list-count, h2 + .tabs, h2 + .empty { margin-top: .75rem; }
.order { display: flex; gap: .5rem; align-items: center; font-size: .9375rem; }
.order label { color: var(--soft); }
.order select { width: auto; }
.filters summary { list-style: none; }
.filters summary::-webkit-details-marker { display: none; }
.filters h2 { font-size: .8125rem; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); margin-bottom: .5rem; }
.filters li a { display: block; padding: .375rem .75rem; margin: 0 0 .125rem -.75rem; border-radius: 8px; color: var(--ink); font-size: .9375rem; }
.filters li a:hover { background: var(--sunk); text-decoration: none; }
.filters li a[aria-current] { background: var(--accent-wash); color: var(--link); font-weight: 600; }
.filter { display: flex; gap: .5rem; margin-bottom: 1rem; max-width: 26rem; }
.filter input { flex: 1; min-width: 0; border: 1px solid var(--line-strong); border-radius: 8px; background: var(--surface); padding: .45rem .75rem; }

.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17.5rem), 1fr)); gap: 1rem; }
.card { position: relative; display: flex; flex-direction: column; gap: .75rem; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 1.125rem 1.25rem 1rem; box-shadow: var(--shadow); }
.card:hover { border-color: var(--accent); box-shadow: var(--shadow-high); }
.card:focus-within { border-color: var(--accent); }
.card h3 a::after { content: ""; position: absolute; inset: 0; border-radius: var(--radius); }
.card h3 a { color: var(--ink); }
.card-head { display: flex; gap: .875rem; align-items: center; }
.card-name { min-width: 0; }
.card-name h3 { font-size: 1.0625rem; }
.card-name p { font-size: .8125rem; color: var(--soft); display: flex; flex-wrap: wrap; gap: .125rem .5rem; align-items: center; margin-top: .125rem; }
.card-name p a, .card .details { position: relative; }
.card-text { font-size: .9375rem; display: -webkit-box; -webkit-line-clamp: 2; line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; min-height: 2.9em; line-height: 1.45; }
.card-meta { font-size: .8125rem; color: var(--soft); min-height: 1.625rem; }
.card-foot { display: flex; flex-wrap: wrap; gap: .375rem .75rem; align-items: center; justify-content: space-between; font-size: .8125rem; }
.card-foot:last-child { margin-top: auto; border-top: 1px solid var(--line); padding-top: .75rem; }
.card-foot .details { font-weight: 600; }
.stats { display: inline-flex; gap: 1rem; font-size: .875rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.stats > span { display: inline-flex; gap: .375rem; align-items: center; }
.stats .icon { color: var(--soft); }
.chip { display: inline-block; background: var(--sunk); border: 1px solid var(--line); border-radius: 99px; padding: .0625rem .625rem; font-size: .75rem; font-weight: 550; color: var(--soft); white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
a.chip:hover { color: var(--link); text-decoration: none; border-color: var(--accent); }
.chip-bad { color: var(--bad); background: var(--bad-wash); border-color: var(--bad-line); }
.mark { display: inline-flex; gap: .25rem; align-items: center; font-size: .75rem; font-weight: 650; letter-spacing: 0; border-radius: 99px; padding: .0625rem .5rem .0625rem .3125rem; vertical-align: .15em; line-height: 1.375rem; white-space: nowrap; }
.mark-official { color: var(--mark); background: var(--mark-wash); }
.mark-private { color: var(--soft); background: var(--sunk); }
.mark .icon { width: .9375rem; height: .9375rem; }
.tile { flex: none; display: inline-grid; place-items: center; border-radius: 22%; color: #fff; font-weight: 700; line-height: 1; }
.tile-small { width: 2rem; height: 2rem; font-size: .9375rem; }
.tile-medium { width: 2.75rem; height: 2.75rem; font-size: 1.25rem; }
.tile-large { width: 4.5rem; height: 4.5rem; font-size: 2.125rem; }
.tile-0 { background: #0a6fc9; } .tile-1 { background: #0b7a6b; } .tile-2 { background: #7a4bc4; } .tile-3 { background: #b3471d; }
.tile-4 { background: #3f51b5; } .tile-5 { background: #a62f6a; } .tile-6 { background: #4d6b1f; } .tile-7 { background: #3d6478; }

.rows.panel { padding: 0 1.5rem; }
.row { display: flex; gap: 1rem; align-items: center; padding: 1rem 0; }
.row + .row { border-top: 1px solid var(--line); }
.row-main { flex: 1; min-width: 0; }
.row-main h2, .row-main h3 { font-size: 1rem; display: flex; flex-wrap: wrap; gap: .25rem .5rem; align-items: center; }
.row-main p { font-size: .9375rem; }
.row-main p.small { font-size: .8125rem; margin-top: .125rem; }
.empty { background: var(--surface); border: 1px dashed var(--line-strong); border-radius: var(--radius); padding: 2rem; max-width: 46rem; }
.empty > h2 { margin-bottom: .5rem; font-size: 1.25rem; }
.empty > p { margin-bottom: .75rem; }
.empty > p:last-child { margin: 1rem 0 0; }
.steps { counter-reset: step; display: grid; gap: 1.25rem; margin-top: 1.25rem; }
.steps li { counter-increment: step; position: relative; padding-left: 3rem; min-width: 0; }
.steps li::before { content: counter(step); position: absolute; left: 0; top: 0; width: 2rem; height: 2rem; border-radius: 50%; display: grid; place-items: center; background: var(--accent-wash); color: var(--link); font-weight: 700; }
.steps h3 { line-height: 2rem; }
.steps p { margin-bottom: .5rem; color: var(--soft); font-size: .9375rem; }
.pager { display: flex; gap: .75rem; align-items: center; justify-content: center; margin-top: 1.75rem; font-size: .9375rem; color: var(--soft); }
.pager [aria-hidden] { opacity: .4; cursor: default; }

.repo-head { display: flex; gap: 1.25rem; align-items: center; margin-bottom: 1.25rem; }
.repo-title { flex: 1; min-width: 0; }
.repo-title h1 .mark { font-size: .8125rem; vertical-align: .3em; margin-left: .25rem; }
.lead { margin-top: .125rem; }
.meta { display: flex; flex-wrap: wrap; gap: .25rem 1.125rem; align-items: center; font-size: .875rem; color: var(--soft); margin-top: .375rem; }
.crumbs { font-size: .875rem; color: var(--soft); }
.repo-actions { display: flex; flex-wrap: wrap; gap: .625rem; }
.side .command { flex-direction: column; }
.side .command code { white-space: pre-wrap; font-size: .78rem; }
.side .command .copy { border-left: 0; border-top: 1px solid var(--line); padding: .3125rem; }
.facts { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .4rem 1rem; font-size: .9375rem; }
.facts dt { color: var(--soft); }
.facts dd { text-align: right; }
.facts.across { grid-template-columns: 8rem minmax(0, 1fr) 8.5rem 7rem; gap: .75rem 1.5rem; margin-top: 1rem; font-size: .875rem; }
.facts.across dd { text-align: left; margin-top: .125rem; }
.facts.across dt { font-size: .8125rem; }
.platform { white-space: nowrap; display: inline-block; }
.platform:not(:last-child)::after { content: ","; }
.short-list li { display: flex; justify-content: space-between; gap: 1rem; padding: .3rem 0; font-size: .9375rem; }
.short-list li .soft { white-space: nowrap; }
.short-list + a { display: inline-block; margin-top: .5rem; font-size: .9375rem; font-weight: 600; }
.tag-head { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; justify-content: space-between; margin-bottom: .75rem; font-size: .875rem; }
.tag-head h3 { font-size: 1.0625rem; font-family: var(--mono); }
.tag-head h3 .icon { color: var(--soft); }
.activity li { position: relative; padding: 0 0 1rem 1.5rem; }
.activity li:last-child { padding-bottom: 0; }
.activity li::before { content: ""; position: absolute; left: .25rem; top: .5rem; width: .625rem; height: .625rem; border-radius: 50%; background: var(--accent); }
.activity li::after { content: ""; position: absolute; left: .5rem; top: 1.375rem; bottom: -.25rem; width: 1px; background: var(--line); }
.activity li:last-child::after { display: none; }
.activity .act-delete::before { background: var(--bad); }
.activity .act-create::before { background: var(--mark); }
.activity p { font-size: .9375rem; }
.activity p.small { font-size: .8125rem; }
.long { display: block; overflow-wrap: anywhere; }

.scroll { overflow-x: auto; position: relative; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; padding: .625rem .875rem; border-bottom: 1px solid var(--line); vertical-align: top; }
.list tr:last-child > * { border-bottom: 0; }
.list thead th { color: var(--soft); font-size: .8125rem; white-space: nowrap; }
.list td, .list th { vertical-align: middle; overflow-wrap: normal; }
.panel.scroll { padding: .25rem .5rem; }
.end { text-align: right; }
.confirm summary { list-style: none; }
.confirm summary::-webkit-details-marker { display: none; }
.confirm form { margin: .25rem 0 .5rem; max-width: 18rem; margin-left: auto; }
.confirm input { width: 100%; border: 1px solid var(--line-strong); border-radius: 8px; background: var(--surface); padding: .45rem .75rem; margin-bottom: .5rem; }
.confirm p { font-size: .875rem; margin-bottom: .5rem; }

.prose { padding: 1.75rem 2rem; line-height: 1.65; }
.prose > * + * { margin-top: 1rem; }
.prose h3 { font-size: 1.375rem; padding-bottom: .375rem; border-bottom: 1px solid var(--line); }
.prose h4 { font-size: 1.125rem; } .prose h5, .prose h6 { font-size: 1rem; margin-bottom: 0; }
.prose > * + h3 { margin-top: 2rem; } .prose > * + h4 { margin-top: 1.5rem; }
.prose ul, .prose ol { padding-left: 1.5rem; } .prose ul { list-style: disc; } .prose ol { list-style: decimal; }
.prose li + li { margin-top: .25rem; }
.prose a { text-decoration: underline; text-underline-offset: .15em; }
.prose code { background: var(--sunk); border-radius: 5px; padding: .125rem .375rem; }
.prose pre { background: var(--sunk); border: 1px solid var(--line); border-radius: 8px; padding: .875rem 1rem; overflow-x: auto; line-height: 1.55; }
.prose pre code { background: none; padding: 0; font-size: 1em; overflow-wrap: normal; }
.prose blockquote { margin-left: 0; margin-right: 0; border-left: 4px solid var(--line-strong); padding-left: 1rem; color: var(--soft); }
.prose hr { border: 0; border-top: 1px solid var(--line); }
.prose .picture { border: 1px solid var(--line); border-radius: 6px; padding: .0625rem .5rem; font-size: .875rem; text-decoration: none; }
.prose table { overflow-wrap: normal; }
.prose td { min-width: 7rem; }
.prose table code { white-space: nowrap; }
.prose th { background: var(--sunk); }
`;
