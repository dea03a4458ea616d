import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMarkdown } from './markdown.ts';

test('renderMarkdown() renders what overviews are made of', () => {
  const text = String(
    renderMarkdown('# Title\n\nA *word* and `code`.\n\n- one\n\n|a|\n|-|\n|b|\n\n```sh\na<b\n```\n'),
  );
  assert.match(text, /<h3>Title<\/h3>/);
  assert.match(text, /<em>word<\/em> and <code>code<\/code>/);
  assert.match(text, /<li>one<\/li>/);
  assert.match(text, /<td>b<\/td>/);
  assert.match(text, /<pre><code class="language-sh">a&lt;b/);
});

test('renderMarkdown() tells search engines nothing of links', () => {
  for (const source of ['[x](https://a.example/)', 'https://a.example/', '<https://a.example/>']) {
    assert.match(
      String(renderMarkdown(source)),
      /<a href="https:\/\/a\.example\/" rel="nofollow noopener ugc">/,
    );
  }
});

test('renderMarkdown() makes links of pictures', () => {
  const text = String(renderMarkdown('![a "b" <c>](https://a.example/x.png?"y)'));
  assert.doesNotMatch(text, /<img/);
  assert.match(
    text,
    /<a class="picture" href="https:\/\/a\.example\/x\.png\?%22y" rel="nofollow noopener ugc">/,
  );
  assert.match(text, />a &quot;b&quot; &lt;c&gt;<\/a>/);
});

const HOSTILE: readonly string[] = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg/onload=alert(1)>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](java\tscript:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](data:text/html,<script>alert(1)</script>)',
  '[x](vbscript:alert(1))',
  '![x](javascript:alert(1))',
  '![" onerror="alert(1)](https://a.example/)',
  '[x](https://a.example/ "\\" onclick=\\"alert(1)")',
  '[x](//evil.example/)',
  '[x]: javascript:alert(1)\n\n[x]',
  '<javascript:alert(1)>',
  '```"><script>alert(1)</script>\nx\n```',
  '<!-- --><iframe srcdoc="<script>alert(1)</script>">',
];

for (const source of HOSTILE) {
  test(`renderMarkdown() makes nothing that acts of ${JSON.stringify(source)}`, () => {
    const text = String(renderMarkdown(source));
    assert.doesNotMatch(text, /<(?:script|img|svg|iframe)/i);
    assert.doesNotMatch(text.replace(/"[^"]*"/g, '""'), /<[^>]*\s(?:on\w+|style|srcdoc)=/i);
    for (const [, address] of text.matchAll(/(?:href|src)="([^"]*)"/g)) {
      assert.match(address ?? '', /^(?:https?:\/\/|mailto:)/);
    }
  });
}

test('renderMarkdown() is done in time with what is long and nested', () => {
  for (const source of [
    '['.repeat(50_000),
    '>'.repeat(50_000),
    '*a'.repeat(50_000),
    '`'.repeat(99_999),
    '![['.repeat(30_000),
  ]) {
    const start = performance.now();
    renderMarkdown(source);
    assert.ok(performance.now() - start < 5000, source.slice(0, 4));
  }
});
