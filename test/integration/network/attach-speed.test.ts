import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '#base/ids';
import { becomeHost, NetworkFixture, port, request, sh, TABLE, whyNot } from './network-fixture.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const ROUNDS = 15;

/** Milliseconds of each part, for one container. */
async function measure(fixture: NetworkFixture, portCount: number, firstPort: number) {
  const owner = { containerId: newId(), containerName: 'c', hostname: 'c' };
  const ports = Array.from({ length: portCount }, (_, index) => port(index + 1, firstPort + index));
  const begun = performance.now();
  fixture.service.createSandbox(owner);
  const made = performance.now();
  await fixture.service.attach(owner, [request({})], ports);
  const attached = performance.now();
  return { id: owner.containerId, sandbox: made - begun, attach: attached - made };
}

function median(values: readonly number[]): string {
  return `${values.toSorted((a, b) => a - b)[values.length >> 1]?.toFixed(2)} ms`;
}

for (const portCount of [0, 1, 206]) {
  test(`attaching with ${portCount} ports (times are printed, not judged)`, { skip }, async t => {
    await using fixture = await NetworkFixture.open();
    const times: { sandbox: number; attach: number; release: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id, sandbox, attach } = await measure(fixture, portCount, 20_000);
      await new Promise(resolve => setTimeout(resolve, 5));
      const begun = performance.now();
      fixture.service.release(id);
      times.push({ sandbox, attach, release: performance.now() - begun });
    }
    for (const part of ['sandbox', 'attach', 'release'] as const) {
      t.diagnostic(`${part}: median ${median(times.map(time => time[part]))}`);
    }
    assert.equal(times.length, ROUNDS);
  });
}

test('sixty containers with 32 ports each (times are printed, not judged)', { skip }, async t => {
  await using fixture = await NetworkFixture.open();
  const times: number[] = [];
  const ids: string[] = [];
  for (let count = 0; count < 60; count += 1) {
    const { id, attach } = await measure(fixture, 32, 10_000 + 32 * count);
    ids.push(id);
    times.push(attach);
  }
  assert.equal(sh(`nft list map inet ${TABLE} publish4_any`).match(/tcp \. /g)?.length, 60 * 32);
  t.diagnostic(`first ten: median ${median(times.slice(0, 10))}, last ten: ${median(times.slice(-10))}`);
  for (const id of ids) fixture.service.release(id);
});
