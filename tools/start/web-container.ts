import { createServer } from 'node:net';
import type { ApiClient } from '#client/api-client';
import { isStatus } from '#client/api-error';
import { flagAt, isObject, type Json, listAt, textAt } from '#client/json';
import { SetupError, say } from '../setup/messages.ts';
import { ensureWebImage, WEB_IMAGE } from './web-image.ts';

const NAME = 'hello';
const OURS = 'org.quai.hello';
const FIRST_PORT = 8080;
const PORTS_TO_TRY = 100;

/**
 * A running container `hello` of the web image with a published port; one that runs from an earlier time stays.
 *
 * @throws {SetupError} when that name belongs to a container of someone else's
 */
export async function ensureWebContainer(
  client: ApiClient,
): Promise<{ readonly name: string; readonly port: number }> {
  const isNewImage = await ensureWebImage(client);
  say(`✓ image      ${WEB_IMAGE}:latest, ${isNewImage ? "made of this machine's busybox" : 'made earlier'}`);
  const found = await find(client);
  if (found && !isOurs(found)) throw nameTaken();
  const port = found && !isNewImage && flagAt(found, 'State', 'Running') ? publishedPort(found) : undefined;
  if (port !== undefined) {
    say(`✓ container  ${NAME} runs already, port ${port} of this machine is its port 80`);
    return { name: NAME, port };
  }
  if (found) await client.call('DELETE', `/containers/${NAME}`, { query: { force: true } });
  return run(client);
}

async function run(client: ApiClient): Promise<{ readonly name: string; readonly port: number }> {
  const port = await freePort();
  await client.call('POST', '/containers/create', {
    query: { name: NAME },
    body: {
      Image: WEB_IMAGE,
      Labels: { [OURS]: '1' },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        PortBindings: { '80/tcp': [{ HostPort: String(port) }] },
        RestartPolicy: { Name: 'unless-stopped' },
      },
    },
  });
  const begun = performance.now();
  await client.call('POST', `/containers/${NAME}/start`);
  const took = Math.round(performance.now() - begun);
  say(`✓ container  ${NAME} started in ${took} ms, port ${port} of this machine is its port 80`);
  return { name: NAME, port };
}

async function find(client: ApiClient): Promise<Json | undefined> {
  try {
    return await client.call('GET', `/containers/${NAME}/json`);
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

function isOurs(container: Json): boolean {
  return textAt(container, 'Config', 'Labels', OURS) === '1';
}

function publishedPort(container: Json): number | undefined {
  const [binding] = listAt(container, 'NetworkSettings', 'Ports', '80/tcp');
  return isObject(binding) ? Number(textAt(binding, 'HostPort')) : undefined;
}

/** The first port from 8080 on that nothing listens on. */
async function freePort(): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TO_TRY; port += 1) {
    if (await isFree(port)) return port;
    say(`  port ${port} is in use, trying the next`);
  }
  throw new SetupError({
    what: `ports ${FIRST_PORT} to ${FIRST_PORT + PORTS_TO_TRY - 1} are all in use`,
    why: 'the page needs one',
    cure: 'ss -ltnp   (shows who listens)',
  });
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ port, host: '0.0.0.0' }, () => server.close(() => resolve(true)));
  return promise;
}

function nameTaken(): SetupError {
  return new SetupError({
    what: `a container "${NAME}" exists that this command did not make`,
    why: 'it is not touched, and the name is needed',
    cure: `./quai rename ${NAME} something-else`,
  });
}
