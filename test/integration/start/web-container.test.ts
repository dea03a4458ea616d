import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiClient } from '#client/api-client';
import { HttpTransport } from '#client/http-transport';
import { ensureWebContainer } from '../../../tools/start/web-container.ts';
import { PAGE_MARK } from '../../../tools/start/web-image.ts';
import { cannotRunContainers } from '../../support/busybox-daemon.ts';
import { startDaemon } from '../../support/daemon.ts';
import { PATIENCE_MS } from '../../support/until.ts';

const skip = cannotRunContainers;

test('npm start: the container serves its page; a second run changes nothing; a stopped one is made anew', {
  skip,
}, async () => {
  await using daemon = await startDaemon();
  const client = new ApiClient({ transport: new HttpTransport({ socketPath: daemon.socketPath }) });
  const idOf = async (name: string): Promise<string> => {
    const { body } = await daemon.call('GET', `/containers/${name}/json`);
    return (body as { Id: string }).Id; // the shape is the contract test's business
  };
  try {
    const first = await ensureWebContainer(client);
    assert.match(await page(first.port), new RegExp(PAGE_MARK));
    const firstId = await idOf(first.name);
    assert.deepEqual(await ensureWebContainer(client), first);
    assert.equal(await idOf(first.name), firstId);

    await daemon.call('POST', `/containers/${first.name}/kill`);
    await daemon.call('POST', `/containers/${first.name}/wait`);
    const second = await ensureWebContainer(client);
    assert.match(await page(second.port), new RegExp(PAGE_MARK));
    assert.notEqual(await idOf(second.name), firstId);
  } finally {
    client.close();
  }
});

test('npm start: a container of that name that someone else made is left alone', { skip }, async () => {
  await using daemon = await startDaemon();
  const client = new ApiClient({ transport: new HttpTransport({ socketPath: daemon.socketPath }) });
  try {
    const { name } = await ensureWebContainer(client);
    await daemon.call('DELETE', `/containers/${name}?force=1`);
    await daemon.call('POST', `/containers/create?name=${name}`, { Image: 'quai-hello' });
    await assert.rejects(ensureWebContainer(client), /exists that this command did not make/);
    assert.equal((await daemon.call('GET', `/containers/${name}/json`)).status, 200);
  } finally {
    client.close();
  }
});

/** The server needs a moment to listen. */
async function page(port: number): Promise<string> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await (await fetch(`http://127.0.0.1:${port}/`)).text();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }
}
