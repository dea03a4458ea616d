import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { listMountsBelow } from '#sys/mount';
import { until } from './until.ts';
import { startVolumes } from './volume-engine.ts';

/** Volumes of an SMB server on this machine, which shares the folder that is given. A program, so that another kernel can run it. */
async function main(shared: string): Promise<void> {
  await using left = await startVolumes();
  await using right = await startVolumes(); // another host
  const login = 'username=root,password=secret,vers=3.1.1';
  const options = { type: 'cifs', device: '//localhost/share', o: `addr=localhost,${login}` };
  for (const { volumes } of [left, right]) await volumes.create({ name: 'far', options });

  const here = await left.volumes.mount('far', 'c1');
  const there = await right.volumes.mount('far', 'c2');
  assert.equal(listMountsBelow(left.folder)[0]?.type, 'cifs');
  writeFileSync(join(here, 'file'), 'from the left');
  assert.equal(readFileSync(join(shared, 'file'), 'utf8'), 'from the left');
  await until('it is seen on the other host', () => existsSync(join(there, 'file')));
  assert.equal(readFileSync(join(there, 'file'), 'utf8'), 'from the left');
  assert.match((await buffer(await left.volumes.contents.pack('far'))).toString('latin1'), /from the left/);
  await left.volumes.unmount('far', 'c1');
  await right.volumes.unmount('far', 'c2');
  await until('it is unmounted', () =>
    [left, right].every(({ folder }) => listMountsBelow(folder).length === 0),
  );
  await left.volumes.remove('far');
  assert.equal(readFileSync(join(shared, 'file'), 'utf8'), 'from the left', 'the server is left alone');

  // What mount.cifs does for the name of a server is done by the engine: without addr it is in the device.
  await left.volumes.create({ name: 'named', options: { ...options, o: login } });
  assert.ok(existsSync(join(await left.volumes.mount('named', 'c1'), 'file')));
  await left.volumes.unmount('named', 'c1');

  for (const [name, wrong, message] of [
    [
      'intruder',
      { o: `addr=localhost,username=root,password=guessed` },
      /failed to mount local volume.*EACCES/,
    ],
    ['nowhere', { device: '//localhost/nowhere' }, /failed to mount local volume.*ENOENT/],
  ] as const) {
    await left.volumes.create({ name, options: { ...options, ...wrong } });
    await assert.rejects(left.volumes.mount(name, 'c1'), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret|guessed/, 'the password is not told');
      return true;
    });
  }
}

await main(process.argv[2] ?? '');
process.stdout.write('files are shared\n');
