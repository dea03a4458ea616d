import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HubRepository } from '../hub-records.ts';
import { repositoryCard, repositoryRow } from './repository-card.ts';

const NOW = Date.UTC(2026, 10, 27);
const alpine: HubRepository = {
  name: 'library/alpine',
  namespace: 'library',
  description: 'A minimal image',
  overview: '',
  category: 'Operating systems',
  isPrivate: false,
  isOfficial: true,
  stars: 5512,
  pulls: 12_345_678,
  createdAt: NOW - 90 * 86_400_000,
  pushedAt: NOW - 3 * 86_400_000,
  sizeBytes: 4_000_000,
};

test('an official repository is shown with its mark, 5.5K stars, 10M+ pulls and the way to its details', () => {
  const text = String(repositoryCard(alpine, NOW));
  assert.match(text, /<h3><a href="\/_\/alpine">alpine<\/a><\/h3>/);
  assert.match(text, /mark-official[^]*Official/);
  assert.match(text, /title="5,512 stars">[^]*<\/span> 5\.5K</);
  assert.match(text, /title="12,345,678 pulls">[^]*<\/span> 10M\+</);
  assert.match(text, /<a class="details" href="\/_\/alpine" aria-label="Details of alpine">Details<\/a>/);
  assert.match(text, />3 days ago<\/time>/);
  assert.match(text, /<span class="chip">Operating systems<\/span>/);
});

test('a repository of somebody else says whose it is, and when nothing was pushed', () => {
  const other: HubRepository = {
    ...alpine,
    name: 'ana/app',
    namespace: 'ana',
    isOfficial: false,
    isPrivate: true,
    category: undefined,
    pushedAt: undefined,
  };
  for (const text of [String(repositoryCard(other, NOW)), String(repositoryRow(other, NOW))]) {
    assert.match(text, /href="\/r\/ana\/app">ana\/app</);
    assert.match(text, /Nothing pushed yet/);
    assert.match(text, /mark-private/);
    assert.doesNotMatch(text, /mark-official/);
  }
});
