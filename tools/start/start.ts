import { ApiError } from '#client/api-error';
import { SetupError, say } from '../setup/messages.ts';
import { ensureEngine, SOCKET } from './engine.ts';
import { ensureWebContainer } from './web-container.ts';
import { PAGE_MARK } from './web-image.ts';

/**
 * The first minute with Quai: an engine, an image made on the spot, a container, and its page fetched through
 * the published port. A second run finds things as they are.
 *
 * @throws {SetupError} when a step fails: which, why it matters, what to do
 */
export async function start(): Promise<number> {
  if (process.getuid?.() !== 0) {
    throw new SetupError({
      what: 'the engine needs root',
      why: 'it mounts file systems and makes name spaces and network links',
      cure: 'sudo npm start',
    });
  }
  const client = await ensureEngine();
  try {
    const { name, port } = await ensureWebContainer(client).catch(refused);
    await fetchPage(port, name);
    say('');
    for (const line of nextSteps(name, port)) say(line);
    return 0;
  } finally {
    client.close();
  }
}

/** @throws {SetupError} in place of what the engine answered; other errors are bugs and stay as they are */
function refused(error: unknown): never {
  if (!(error instanceof ApiError)) throw error;
  throw new SetupError({
    what: `the engine refuses: ${error.message}`,
    why: 'the page runs in a container of it',
    cure: 'tail /var/log/quai/engine.log; sudo ./quai check',
  });
}

/** A server needs a moment to listen; half a minute is a failure. */
async function fetchPage(port: number, name: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/`;
  const deadline = Date.now() + 30_000;
  for (;;) {
    const page = await get(url);
    if (page.includes(PAGE_MARK)) {
      say(`✓ page       ${url} answers: “${titleOf(page)}”`);
      return;
    }
    if (Date.now() > deadline) {
      throw new SetupError({
        what: `${url} does not serve the page`,
        why: `the container ${name} runs, but it cannot be reached through its published port (${page.slice(0, 100) || 'no answer'})`,
        cure: `./quai logs ${name}; sudo nft list ruleset; sudo ./quai check`,
      });
    }
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

async function get(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return await response.text();
  } catch {
    return '';
  }
}

function titleOf(page: string): string {
  return /<title>([^<]*)/.exec(page)?.[1] ?? '';
}

function nextSteps(name: string, port: number): string[] {
  return [
    `Open http://localhost:${port}/ and go on with Quai's own command line …`,
    '  sudo ./quai ps',
    `  sudo ./quai logs ${name}`,
    `  sudo ./quai exec -it ${name} sh`,
    '… or with any Docker client:',
    `  sudo docker -H unix://${SOCKET} ps`,
    `  export DOCKER_HOST=unix://${SOCKET}`,
    `Stop the page: sudo ./quai rm -f ${name}     Stop the engine: sudo kill $(cat /run/quai-engine.pid)`,
  ];
}
