import type { BuildEvent, BuildVertex } from '#build/build-event';
import type { BuildCacheEntry } from '#build/cache-entry';
import type { BuildRouteDeps } from './build-routes.ts';

const IMAGE = `sha256:${'9'.repeat(64)}` as const;
const STATE = `sha256:${'8'.repeat(64)}` as const;
const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

export function fakeVertex(id: number, text: string, kind: BuildVertex['kind'] = 'run'): BuildVertex {
  const step = { number: id, total: 2, text, line: id, stage: '0' };
  return { id, name: `[${id}/2] ${text}`, kind, step };
}

const from = fakeVertex(1, 'FROM busybox', 'from');
const run = fakeVertex(2, 'RUN make');

/** A build of two steps, the first of them cached. */
export const fakeBuildEvents: readonly BuildEvent[] = [
  { type: 'planned', vertices: [from, run] },
  { type: 'started', vertex: from, at: AT },
  { type: 'done', vertex: from, at: AT, isCached: true, stateId: STATE },
  { type: 'started', vertex: run, at: AT },
  { type: 'log', vertex: run, stream: 'stdout', data: Buffer.from('made\n'), at: AT },
  { type: 'done', vertex: run, at: AT + 5, isCached: false, stateId: IMAGE },
  { type: 'image', imageId: IMAGE, tags: ['x:latest'] },
];

export const fakeCacheEntry: BuildCacheEntry = {
  id: 'c1',
  kind: 'regular',
  description: 'RUN make',
  sizeBytes: 5,
  createdAt: AT,
  lastUsedAt: AT,
  useCount: 1,
  isInUse: false,
  isShared: false,
  parents: [],
};

export function fakeBuilds(change: Partial<BuildRouteDeps['builds']> = {}): BuildRouteDeps['builds'] {
  return {
    build: async (_request, emit) => {
      for (const event of fakeBuildEvents) await emit(event);
      return { imageId: IMAGE, tags: ['x:latest'] };
    },
    cacheEntries: () => [fakeCacheEntry],
    ownBytes: entries => entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    pruneCache: async () => ({ deleted: ['c1'], reclaimedBytes: 5 }),
    ...change,
  };
}

/** Reads what is sent and keeps nothing. */
export const fakeContexts: BuildRouteDeps['contexts'] = {
  fetch: async () => ({ context: { kind: 'none' }, [Symbol.asyncDispose]: async () => undefined }),
  receive: async body => {
    let sizeBytes = 0;
    for await (const chunk of body) sizeBytes += chunk.length;
    return {
      context: { kind: 'archive', path: '/nonexistent/context' },
      sizeBytes,
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
};
