import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkLayers, type Source } from './layer-check.ts';
import { LAYERS } from './layers.ts';

const root = new URL('../src/', import.meta.url);

function readSources(): Source[] {
  return globSync('**/*.ts', { cwd: root.pathname }).map(path => ({
    path,
    text: readFileSync(new URL(path, root), 'utf8'),
  }));
}

function problemsOf(path: string, text: string): readonly string[] {
  return checkLayers([{ path, text }]).problems;
}

test('the source tree keeps to the table of layers', () => {
  const sources = readSources();
  const report = checkLayers(sources);

  assert.deepEqual(report.problems, []);
  // A scanner that went blind would find nothing wrong: the tree is known to be larger than this.
  assert.ok(sources.length >= 28, `saw only ${sources.length} files`);
  assert.ok(report.importsSeen >= sources.length, `saw only ${report.importsSeen} imports`);
});

test('the table of layers has no cycle, and names only its own folders', () => {
  const done = new Set<string>();
  const visit = (folder: string, path: readonly string[]): void => {
    assert.ok(!path.includes(folder), `cycle: ${[...path, folder].join(' → ')}`);
    const layer = LAYERS[folder];
    assert.ok(layer, `${path.at(-1)} names ${folder}, which is not in the table`);
    if (done.has(folder)) return;
    for (const next of [...layer.imports, ...(layer.types ?? [])]) visit(next, [...path, folder]);
    done.add(folder);
  };
  for (const folder of Object.keys(LAYERS)) visit(folder, []);
});

const forbidden: readonly (readonly [path: string, text: string, problem: RegExp])[] = [
  ['base/a.ts', "import { x } from '#sys/b';", /base\/a\.ts:1: base\/ must not import sys\//],
  ['base/a.ts', "\nimport type { x } from '#sys/b';", /base\/a\.ts:2: base\/ must not import sys\//],
  ['base/a.ts', "import '#store/b';", /base\/ must not import store\//],
  ['base/a.ts', "export { x } from '#store/b';", /base\/ must not import store\//],
  ['base/a.ts', "export * from '#store/b';", /base\/ must not import store\//],
  ['base/a.ts', "import {\n  type x,\n  y,\n} from '#store/b';", /base\/ must not import store\//],
  ['base/a.ts', "const b = await import('#store/b');", /base\/ must not import store\//],
  ['base/a.ts', 'const b = await import(`#store/b`);', /base\/ must not import store\//],
  ['base/a.ts', "let b: import('#store/b').B;", /base\/ must not import store\//],
  ['base/a.ts', "const s = `${await import('#store/b')}`;", /base\/ must not import store\//],
  ['base/a.ts', "const r = /'/; import '#store/b';", /base\/ must not import store\//],
  ['base/a.ts', 'const b = await import(name);', /does not name its module as a literal/],
  ['base/a.ts', "import { x } from '../store/b.ts';", /base\/ must not import store\//],
  ['store/a.ts', "import { x } from '../base/b.ts';", /write "#base\/b", not "\.\.\/base\/b\.ts"/],
  ['store/a.ts', "import { x } from '../../tools/b.ts';", /leaves src\//],
  ['image/a.ts', "new Worker(new URL('../snapshot/w.ts', import.meta.url));", /write "#snapshot\/w"/],
  ['cli/a.ts', "import { x } from '#daemon/b';", /cli\/ must not import daemon\//],
  [
    'container/a.ts',
    "import { x } from '#image/internal/b';",
    /image\/internal\/b, which is internal to image\//,
  ],
  ['api/a.ts', "import { x } from '#container/b';", /api\/ may import types only from container\//],
  ['api/a.ts', "import { type x, y } from '#container/b';", /api\/ may import types only from container\//],
  ['api/a.ts', "import type { x } from '#runtime/b';", /api\/ must not import runtime\//],
  ['image/a.ts', "import { spawn } from 'node:child_process';", /image\/ uses node:child_process.*sys\//],
  ['image/a.ts', "import { spawn } from 'child_process';", /image\/ uses child_process.*sys\//],
  ['image/a.ts', "import koffi from 'koffi';", /image\/ uses koffi.*sys\//],
  ['image/a.ts', "const k = require('koffi');", /image\/ uses koffi.*sys\//],
  ['image/a.ts', "import { DatabaseSync } from 'node:sqlite';", /image\/ uses node:sqlite.*store\//],
  ['http/a.ts', "import { type Server, request } from 'node:http';", /http\/ uses node:http.*base\//],
  ['http/a.ts', "import http from 'http';", /http\/ uses http.*base\//],
  ['image/a.ts', "const home = process.env['HOME'];", /image\/ uses process\.env/],
  ['image/a.ts', "const home = process['env'].HOME;", /image\/ uses process\.env/],
  ['image/a.ts', "import { env } from 'node:process';", /image\/ uses node:process/],
  ['image/a.ts', 'globalThis.process.exit(1);', /image\/ uses process\.exit/],
  ['daemon/a.ts', "console.log('x');", /daemon\/ uses console.*cli\//],
  ['daemon/a.ts', "f(...process.argv); console?.log('x');", /daemon\/ uses console/],
  [
    'image/a.ts',
    'function f(process: P) { return 1; }\nexport const e = process.env;',
    /image\/ uses process\.env/,
  ],
  ['image/a.ts', 'f({ a, process: p }); if (x) { g(process.env); }', /image\/ uses process\.env/],
  [
    'image/a.ts',
    'function f() { const process = 1; }\nf(() => { g(process.env); });',
    /image\/ uses process\.env/,
  ],
  ['mystery/a.ts', "import '#base/b';", /folder "mystery" is not in/],
  ['base/a.ts', "import '#mystery/b';", /mystery\/, which is not in/],
];

for (const [path, text, problem] of forbidden) {
  test(`checkLayers() refuses, in ${path}: ${text.trim().replaceAll('\n', ' ')}`, () => {
    const problems = problemsOf(path, text);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', problem);
  });
}

const allowed: readonly (readonly [path: string, text: string])[] = [
  ['sys/a.ts', "import koffi from 'koffi';\nimport { spawn } from 'node:child_process';"],
  ['store/a.ts', "import { DatabaseSync } from 'node:sqlite';\nimport type { L } from '#base/l';"],
  ['container/a.ts', "import { x } from '#image/b';\nimport { y } from './internal/y.ts';"],
  ['container/internal/a.ts', "import { x } from '../b.ts';"],
  ['api/a.ts', "import type { x } from '#container/b';\nimport { type z } from '#image/b';"],
  ['api/a.ts', "type A = typeof import('#container/b');"],
  ['base/a.ts', "// import '#store/b'\n/* import '#store/b' */\nconst s = \"import '#store/b'\";"],
  ['base/a.ts', "const s = `import '#store/b' ${1 / 2} ' \\` ${'}'}`; const half = a / b / c; // '"],
  ['base/a.ts', "export const from = 1;\nexport function f() {}\nconst s = '#store/b';"],
  ['base/a.ts', 'logger.console.log(1); const o = { console: 1 }; other.process.env;'],
  ['base/a.ts', 'interface A { import(o: { a: string }): B }; class C { async import(x: (y) => void) {} }'],
  ['http/a.ts', "import type { Server } from 'node:http';"],
  ['image/a.ts', 'function f(process: P): string[] { if (process.args) { return process.env; } }'],
  ['image/a.ts', 'function f() { const process = g(); return process.env; }'],
  ['image/a.ts', 'class A { f(a: B, process: P): Map<string, number> { return process.env; } }'],
  ['cli/a.ts', 'console.log(process.env.HOME); process.exit(2);'],
];

for (const [path, text] of allowed) {
  test(`checkLayers() allows, in ${path}: ${text.replaceAll('\n', ' ')}`, () => {
    assert.deepEqual(problemsOf(path, text), []);
  });
}
