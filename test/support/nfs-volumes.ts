import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { listMountsBelow } from '#sys/mount';
import type { VolumeService } from '#volume/volume-service';
import { until } from './until.ts';
import { startVolumes } from './volume-engine.ts';

/** Volumes of a file server on this machine, which exports the folder that is given. A program, so that another kernel can run it. */
async function main(exported: string): Promise<void> {
  await using left = await startVolumes();
  await using right = await startVolumes(); // another host
  const options = { type: 'nfs', device: ':/', o: 'addr=localhost,rw,nfsvers=4' };
  for (const { volumes } of [left, right]) await volumes.create({ name: 'far', options });
  assert.deepEqual(listMountsBelow(left.folder), []);

  const here = await left.volumes.mount('far', 'c1');
  const there = await right.volumes.mount('far', 'c2');
  assert.match(listMountsBelow(left.folder)[0]?.type ?? '', /^nfs/);
  writeFileSync(join(here, 'file'), 'from the left');
  assert.equal(readFileSync(join(exported, 'file'), 'utf8'), 'from the left');
  assert.equal(readFileSync(join(there, 'file'), 'utf8'), 'from the left');
  writeFileSync(join(there, 'answer'), 'from the right');
  assert.deepEqual(readdirSync(here).toSorted(), ['answer', 'file', 'lost+found']);
  await left.volumes.mount('far', 'c3');
  await left.volumes.unmount('far', 'c1');
  assert.ok(existsSync(join(here, 'file')), 'another container uses it');
  const tar = await buffer(await left.volumes.contents.pack('far'));
  assert.match(tar.toString('latin1'), /from the right/);
  await left.volumes.unmount('far', 'c3');
  await right.volumes.unmount('far', 'c2');
  await until('it is unmounted', () =>
    [left, right].every(({ folder }) => listMountsBelow(folder).length === 0),
  );
  await left.volumes.remove('far');
  assert.equal(
    readFileSync(join(exported, 'answer'), 'utf8'),
    'from the right',
    'removing a volume leaves the server alone',
  );

  await left.volumes.create({ name: 'wrong', options: { ...options, device: ':/nowhere' } });
  await assert.rejects(left.volumes.mount('wrong', 'c1'), {
    kind: 'invalid',
    message: /failed to mount local volume/,
  });
  await holdsUpNobody(left.volumes);
  await diesUnderUsers();
}

/** The server goes away while it is mounted: the kernel asks it again and again, as long as it takes. */
async function diesUnderUsers(): Promise<void> {
  await using engine = await startVolumes(undefined, undefined, { answerMs: 8000, threads: 6 });
  const { volumes } = engine;
  const options = { type: 'nfs', device: ':/', o: 'addr=127.0.0.1,rw,nfsvers=4,hard,actimeo=0' };
  await volumes.create({ name: 'far', options });
  const here = await volumes.mount('far', 'c1');
  mkdirSync(join(here, 'part'));
  writeFileSync(join(here, 'part/file'), 'far');
  execFileSync('/usr/sbin/rpc.nfsd', ['0']);
  const silent = { kind: 'unavailable', message: /volume far \(nfs :\/\) has not answered for 8 s/ };
  let ticks = 0;
  const clock = setInterval(() => (ticks += 1), 20);
  await Promise.all([
    assert.rejects(volumes.mount('far', 'c2', { subpath: 'part' }), silent),
    assert.rejects(volumes.contents.stat('far', '/part/file'), silent),
    assert.rejects(volumes.contents.pack('far', { path: '/part' }), silent),
  ]);
  clearInterval(clock);
  assert.ok(ticks > 30, `the clock moved ${ticks} times meanwhile`);
  execFileSync('/usr/sbin/rpc.nfsd', ['-N', '3', '--host', '127.0.0.1', '2']);
  writeFileSync('/proc/fs/nfsd/v4_end_grace', 'Y');
  await until(
    'it answers again',
    () =>
      volumes.contents.stat('far', '/part/file').then(
        ({ size }) => size === 3,
        () => false,
      ),
    60_000,
  );
  for (const id of ['c1', 'c2']) await volumes.unmount('far', id);
  await until('it is unmounted', () => listMountsBelow(engine.folder).length === 0);
}

/** A server that takes connections and says nothing. */
async function holdsUpNobody(volumes: VolumeService): Promise<void> {
  const sockets = new Set<Socket>();
  const silent = createServer(socket => sockets.add(socket.on('error', () => undefined)));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  assert.ok(typeof address === 'object' && address !== null);
  const o = `addr=127.0.0.1,port=${address.port},nfsvers=4,soft,timeo=20,retrans=1`;
  await volumes.create({ name: 'silent', options: { type: 'nfs', device: ':/', o } });
  let ticks = 0;
  const clock = setInterval(() => (ticks += 1), 20);
  const impatient = { signal: AbortSignal.timeout(2000) };
  await assert.rejects(volumes.mount('silent', 'c1', impatient), { message: /the operation took too long/ });
  clearInterval(clock);
  assert.ok(ticks > 10, `the clock moved ${ticks} times in 2 s`);
  silent.close();
  for (const socket of sockets) socket.destroy();
}

await main(process.argv[2] ?? '');
process.stdout.write('files are shared\n');
