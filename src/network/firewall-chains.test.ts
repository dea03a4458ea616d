import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChainOptions, renderChains } from './firewall-chains.ts';

const USUAL: ChainOptions = { mode: 'quai', bridgeGroup: 7, originChain: 'shared' };
const baseChains = (text: string): string[] =>
  [...text.matchAll(/chain (\w+) \{\s+type (\w+) hook (\w+)/g)].map(([, ...words]) => words.join(' '));

test('renderChains(): what packets of an established connection pass is one chain, besides those that rewrite', () => {
  assert.deepEqual(baseChains(renderChains(USUAL)), [
    'output nat output',
    'postrouting nat postrouting',
    'input filter input',
    'forward filter forward',
    'prerouting nat prerouting',
  ]);
});

test('renderChains() guards the loopback and what is at home on a bridge, and changes no policy', () => {
  const text = renderChains(USUAL);
  for (const rule of [
    'ip daddr 127.0.0.0/8 iif != "lo" drop',
    'ip saddr 127.0.0.0/8 iif != "lo" drop',
    'ip daddr @containers4 jump entrance4',
    'ip6 daddr @containers6 jump entrance6',
    'ip6 daddr ::1 return',
  ]) {
    assert.ok(text.includes(`    ${rule}\n`), rule);
  }
  for (const family of [4, 6]) {
    assert.match(text, new RegExp(`chain entrance${family} \\{[^}]* return\n {4}drop\n {2}\\}`));
  }
  assert.match(text, /chain loopback \{[^}]* accept\n {4}drop\n {2}\}/);
  assert.doesNotMatch(text, /policy drop|flush/);
});

test('renderChains(): origins are asked for before anything is accepted, where packets go or on older kernels where they come in', () => {
  const asked = /hook (\w+) priority (?:raw|filter); policy accept;\s+meta (iif\w+) \S+ jump origin/g;
  const hooks = (options: ChainOptions): string[] =>
    [...renderChains(options).matchAll(asked)].map(([, ...words]) => words.join(' '));
  assert.deepEqual(hooks(USUAL), ['input iifgroup', 'forward iifgroup']);
  assert.deepEqual(hooks({ ...USUAL, originChain: 'own' }), ['prerouting iifkind']);
  assert.match(
    renderChains(USUAL),
    /chain prerouting \{[^}]*meta iifkind "bridge" jump origin\n[^}]*goto publish/,
  );
});

test('renderChains(): where the host’s own rules decide, only what comes from containers is rewritten on its way in', () => {
  assert.doesNotMatch(renderChains(USUAL), /iifname != @bridges return\n {4}goto/);
  assert.match(renderChains({ ...USUAL, mode: 'host' }), /iifname != @bridges return\n {4}goto publish/);
});
