import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent } from '#build/build-event';
import { ClassicBuildOutput } from './classic-build-output.ts';
import { fakeVertex } from './fake-builds.ts';

const [first, second, third] = [fakeVertex(1, 'FROM a'), fakeVertex(2, 'RUN b'), fakeVertex(3, 'RUN c')];

function told(events: readonly BuildEvent[]): string {
  const lines: string[] = [];
  const output = new ClassicBuildOutput(
    line => {
      lines.push('stream' in line ? String(line.stream) : `${JSON.stringify(line)}\n`);
    },
    { isQuiet: false },
  );
  for (const event of events) output.tell(event);
  return lines.join('');
}

const started = (vertex: typeof first): BuildEvent => ({ type: 'started', vertex, at: 0 });
const done = (vertex: typeof first): BuildEvent => ({ type: 'done', vertex, at: 0, isCached: false });
const log = (vertex: typeof first, data: string | Buffer): BuildEvent => {
  return { type: 'log', vertex, stream: 'stdout', data: Buffer.from(data), at: 0 };
};
const planned: BuildEvent = { type: 'planned', vertices: [first, second, third] };

test('steps at the same time are told one after the other, in the order of the Dockerfile', () => {
  const text = told([
    planned,
    started(third),
    log(third, 'early\n'),
    started(first),
    done(third),
    log(first, 'x\n'),
    done(first),
    started(second),
    log(second, 'y\n'),
    done(second),
  ]);
  assert.equal(text, 'Step 1/2 : FROM a\nx\nStep 2/2 : RUN b\ny\nStep 3/2 : RUN c\nearly\n');
});

test('a step that fails is told at once, and what was not told is so at the end', () => {
  const failed: BuildEvent = { type: 'failed', vertex: third, at: 0, message: 'no', isCancelled: false };
  assert.equal(told([planned, started(third), log(third, 'why\n'), failed]), 'Step 3/2 : RUN c\nwhy\n');
  const image: BuildEvent = { type: 'image', imageId: `sha256:${'1'.repeat(64)}`, tags: [] };
  assert.match(
    told([planned, started(third), done(third), image]),
    /^Step 3\/2 : RUN c\n{"aux".*\nSuccessfully built 111111111111\n$/,
  );
});

test('letters that were cut in two are put together', () => {
  const bytes = Buffer.from('ä€');
  const parts = [...bytes].map(byte => log(first, Buffer.from([byte])));
  assert.equal(told([started(first), ...parts]), 'Step 1/2 : FROM a\nä€');
});

test('a step that waits keeps the end of what it says, and a bounded part of it', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => log(second, `${index}${'.'.repeat(1_000)}\n`));
  const text = told([planned, started(first), started(second), ...many, done(second), done(first)]);
  assert.match(text, /^Step 1\/2 : FROM a\nStep 2\/2 : RUN b/);
  assert.match(text, /\n4999\.+\n$/);
  assert.ok(text.length > 400_000 && text.length < 1_100_000, `${text.length}`);
});

test('what was found done is said of RUN and COPY, and of what follows them and only changes the configuration', () => {
  const cached = (id: number, kind: 'from' | 'run' | 'copy' | 'metadata', isCached = true): BuildEvent[] => {
    const vertex = fakeVertex(id, `${kind} ${id}`, kind);
    return [started(vertex), { type: 'done', vertex, at: 0, isCached }];
  };
  const kinds = [cached(1, 'from'), cached(2, 'metadata'), cached(3, 'run'), cached(4, 'metadata')];
  const text = told([...kinds, cached(5, 'copy', false), cached(6, 'metadata'), cached(7, 'run')].flat());
  const found = [...text.matchAll(/: (.*)\n ---> Using cache/g)].map(([, step]) => step);
  assert.deepEqual(found, ['run 3', 'metadata 4']);
});

test('what ONBUILD brings is told where it is done: after its FROM', () => {
  const trigger = { ...fakeVertex(1, 'RUN trigger'), id: 9 };
  const text = told([
    planned,
    started(first),
    done(first),
    started(trigger),
    log(trigger, 'now\n'),
    done(trigger),
    started(second),
  ]);
  assert.equal(text, 'Step 1/2 : FROM a\nStep 1/2 : RUN trigger\nnow\nStep 2/2 : RUN b\n');
  assert.equal(
    told([planned, started(first), done(first), started(trigger), log(trigger, 'now\n')]),
    'Step 1/2 : FROM a\nStep 1/2 : RUN trigger\nnow\n',
  );
});
