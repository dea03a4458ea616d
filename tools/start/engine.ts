import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ApiClient } from '#client/api-client';
import { HttpTransport } from '#client/http-transport';
import { textAt } from '#client/json';
import { SetupError, say } from '../setup/messages.ts';

export const SOCKET = '/run/quai.sock';
const LOG = '/var/log/quai/engine.log';
const PID_FILE = '/run/quai-engine.pid';
const START_MS = 30_000;

/** A client of the engine at the usual socket, which is started in the background when none answers. */
export async function ensureEngine(): Promise<ApiClient> {
  const running = await version();
  if (running) {
    say(`✓ engine     ${running} answers at ${SOCKET} already`);
    return newClient();
  }
  const child = startByUnit() ? undefined : startInBackground();
  const how = child ? `this command, process ${child.pid}, log ${LOG}` : 'systemd';
  say(`✓ engine     ${await firstAnswer(child)} answers at ${SOCKET} (started by ${how})`);
  return newClient();
}

/** One that could not negotiate remembers that: each attempt takes a new one. */
function newClient(): ApiClient {
  return new ApiClient({ transport: new HttpTransport({ socketPath: SOCKET }) });
}

/** Where the unit is installed and systemd runs the machine, it starts the engine. */
function startByUnit(): boolean {
  const isInstalled =
    existsSync('/etc/systemd/system/quai.service') || existsSync('/lib/systemd/system/quai.service');
  if (!isInstalled || !existsSync('/run/systemd/system')) return false;
  return spawnSync('systemctl', ['start', 'quai.service'], { stdio: 'ignore' }).status === 0;
}

/** A session of its own: it outlives this program and the terminal. */
function startInBackground(): ChildProcess {
  mkdirSync('/var/log/quai', { recursive: true, mode: 0o750 });
  const log = openSync(LOG, 'a', 0o640);
  const launcher = fileURLToPath(new URL('../../quai', import.meta.url));
  const child = spawn(launcher, ['daemon', '--host', `unix://${SOCKET}`, '--pidfile', PID_FILE], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  return child;
}

async function firstAnswer(child: ChildProcess | undefined): Promise<string> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const answer = await version();
    if (answer) return answer;
    const hasEnded = child !== undefined && (child.exitCode ?? child.signalCode) !== null;
    if (Date.now() > deadline || hasEnded) throw noAnswer();
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

function noAnswer(): SetupError {
  const tail = existsSync(LOG)
    ? readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-5).join('\n    ')
    : '';
  return new SetupError({
    what: `the engine does not answer at ${SOCKET}`,
    why: `every command goes through it; the end of its log:\n    ${tail}`,
    cure: 'sudo ./quai check; sudo ./quai daemon   (in the foreground, to see what it says)',
  });
}

/** `undefined` while nothing answers. */
async function version(): Promise<string | undefined> {
  const client = newClient();
  try {
    const answer = await client.call('GET', '/version');
    return `${textAt(answer, 'Platform', 'Name') || 'engine'} ${textAt(answer, 'Version')}`;
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}
