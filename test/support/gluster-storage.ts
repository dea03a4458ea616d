import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './programs.ts';
import { accepts, freePort } from './registry.ts';
import { until } from './until.ts';

const SERVER = '/usr/sbin/glusterfsd';
const CLIENT = '/usr/sbin/glusterfs';
const SERVERS = 2;

/** Why tests with a distributed file system cannot run here. */
export const glusterMissing: string | false = !existsSync(SERVER)
  ? `needs ${SERVER}: Debian's package glusterfs-client brings it`
  : existsSync('/dev/fuse')
    ? false
    : 'needs /dev/fuse';

/**
 * For tests: a distributed file system, GlusterFS, of two servers on the loopback that have a part of the files each. Mounted by its own
 * client through FUSE, as often as one likes. Dispose it with `await using`.
 */
export class GlusterStorage implements AsyncDisposable {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #servers: ChildProcess[] = [];
  #ports: number[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(folder: string): Promise<GlusterStorage> {
    const storage = new GlusterStorage(folder);
    mkdirSync(folder, { recursive: true });
    for (let index = 0; index < SERVERS; index += 1) await storage.#makeServer(index);
    return storage;
  }

  /** where a server has its part */
  brick(index: number): string {
    return join(this.#folder, `brick${index}`);
  }

  /** Mounts it at a directory; `umount` there ends the client, which can be made to say nothing for a while. */
  async mount(target: string): Promise<{ pause(): void; goOn(): void }> {
    mkdirSync(target, { recursive: true });
    const clients = this.#ports.map((port, index) =>
      volume(`server${index}`, 'protocol/client', {
        'transport-type': 'tcp',
        'remote-host': '127.0.0.1',
        'remote-port': String(port),
        'remote-subvolume': 'brick',
      }),
    );
    const names = this.#ports.map((_, index) => `server${index}`);
    const file = `${target}.vol`;
    writeFileSync(file, [...clients, volume('spread', 'cluster/distribute', {}, names)].join(''));
    // What the other host has written is to be seen at once.
    const client = this.#spawn(CLIENT, file, ['--attribute-timeout=0', '--entry-timeout=0', target]);
    const above = statSync(join(target, '..')).dev;
    await until('the file system is mounted', () => statSync(target).dev !== above);
    return { pause: () => void client.kill('SIGSTOP'), goOn: () => void client.kill('SIGCONT') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await end(child, 'SIGTERM');
  }

  /** A server breaks down. */
  async killServer(index: number): Promise<void> {
    const server = this.#servers[index];
    if (server) await end(server, 'SIGKILL');
  }

  /** It is there again, at its address, with what it had. */
  async startServer(index: number): Promise<void> {
    const port = this.#ports[index] ?? 0;
    this.#servers[index] = this.#spawn(SERVER, join(this.#folder, `brick${index}.vol`));
    await until(`server ${index} answers`, () => accepts(port));
  }

  async #makeServer(index: number): Promise<void> {
    const directory = this.brick(index);
    mkdirSync(directory);
    const port = await freePort();
    const layers = [
      volume('store', 'storage/posix', { directory }),
      volume('locks', 'features/locks', {}, ['store']),
      volume('brick', 'performance/io-threads', {}, ['locks']),
      volume(
        'server',
        'protocol/server',
        {
          'transport-type': 'tcp',
          'transport.socket.bind-address': '127.0.0.1',
          'transport.socket.listen-port': String(port),
          'auth.addr.brick.allow': '127.0.0.1',
        },
        ['brick'],
      ),
    ];
    const file = join(this.#folder, `brick${index}.vol`);
    writeFileSync(file, layers.join(''));
    this.#ports = [...this.#ports, port];
    await this.startServer(index);
  }

  #spawn(program: string, file: string, words: readonly string[] = []): ChildProcess {
    const log = `${file}.log`;
    const child = spawn(program, ['-N', '-f', file, '-l', log, ...words], { stdio: 'ignore' });
    this.#children.push(child);
    return child;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** Takes down what {@link GlusterStorage.mount} mounted. */
export async function unmount(target: string): Promise<void> {
  const { code, stderr } = await runProgram('/usr/bin/umount', [target]);
  if (code !== 0) throw new Error(`umount ${target}: ${stderr}`);
}

export function isMounted(target: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${target} `);
}

function volume(
  name: string,
  type: string,
  options: Readonly<Record<string, string>>,
  below: readonly string[] = [],
): string {
  const lines = Object.entries(options).map(([key, value]) => `  option ${key} ${value}\n`);
  const parts = below.length > 0 ? `  subvolumes ${below.join(' ')}\n` : '';
  return `volume ${name}\n  type ${type}\n${lines.join('')}${parts}end-volume\n`;
}
