import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type BuiltImage, QUAI } from './build-image.ts';
import { run } from './programs.ts';

/** Where images go, and who says so. */
export interface PushTarget {
  /** `hub.example.com/library` */
  readonly prefix: string;
  /** address of the hub's API; absent: nothing is told about the images */
  readonly hub: string | undefined;
  /** an administrator, or who else may write there; absent: as `quai login` has it */
  readonly credentials: { readonly name: string; readonly password: string } | undefined;
}

/** Logs the command line in, where it is told as whom, and sees whether the hub answers. */
export async function logIn({ prefix, hub, credentials }: PushTarget): Promise<void> {
  if (!credentials) return;
  if (hub !== undefined) await ask(`${hub}/v2/`);
  const host = hostOf(prefix);
  const words = [
    'login',
    '-u',
    credentials.name,
    '--password-stdin',
    ...(host === 'docker.io' ? [] : [host]),
  ];
  const child = spawn(QUAI, words, { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end(credentials.password);
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`quai ${words.join(' ')}: ${said.trim()}`);
}

/** Pushes an image under all its tags, and tells the hub what it is. */
export async function pushImage(
  { folder, tags, description }: BuiltImage,
  target: PushTarget,
  say: (line: string) => void,
): Promise<void> {
  const repository = `${target.prefix}/${folder.name}`;
  for (const tag of tags) {
    await run(QUAI, ['tag', `${folder.name}:latest`, `${repository}:${tag}`]);
    await run(QUAI, ['push', '-q', `${repository}:${tag}`]);
    say(`${folder.name}: pushed ${repository}:${tag}`);
  }
  const { hub, credentials } = target;
  if (hub === undefined || !credentials) {
    say(
      `${folder.name}: not described on the hub: that takes --user, --password-file, and --hub for docker.io`,
    );
    return;
  }
  const path = repository.slice(repository.indexOf('/') + 1);
  const response = await ask(`${hub}/api/repositories/${path}`, {
    method: 'PATCH',
    headers: {
      authorization: `Basic ${Buffer.from(`${credentials.name}:${credentials.password}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ description, overview: folder.readme, category: folder.category }),
  });
  if (!response.ok)
    throw new Error(`${hub} does not take the description of ${path}: ${await response.text()}`);
}

/** Of the hub, where it is the host of the prefix. */
export function hubOf(prefix: string): string | undefined {
  const host = hostOf(prefix);
  if (host === 'docker.io') return undefined;
  const isLocal = /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(host);
  return `${isLocal ? 'http' : 'https'}://${host}`;
}

/** @throws with what to do, where nobody can be asked: `fetch` itself says no more than that it failed. */
export async function ask(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split(';'); // then Node's advice
    const isUntrusted = /certificate|self.signed/i.test(reason);
    const cure = isUntrusted ? 'give the certificate with --ca' : 'its address can be given with --hub';
    throw new Error(`cannot ask the hub, ${url}: ${reason}; ${cure}`, { cause: error });
  }
}

function hostOf(prefix: string): string {
  return prefix.split('/', 1)[0] ?? '';
}
