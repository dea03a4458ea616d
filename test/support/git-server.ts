import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const BACKENDS = ['/usr/lib/git-core/git-http-backend', '/usr/libexec/git-core/git-http-backend'];
const BACKEND = BACKENDS.find(path => existsSync(path));

/** Why there can be no git server; false: there can. */
export const gitMissing = BACKEND === undefined ? 'git with git-http-backend is not installed' : false;

/** File → content; `-> path` is a link; `undefined` removes. */
export type Files = Readonly<Record<string, string | undefined>>;

/** Repositories of a git that is real, served by its own program over loopback. */
export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `git://127.0.0.1:port`, the same by git's own protocol */
  readonly gitUrl: string;
  /** folder of the repositories, each as `<name>.git` */
  readonly served: string;
  /** A repository, as `<url>/<name>.git`. */
  readonly repository: (name: string) => TestRepository;
}

export interface TestRepository {
  readonly url: string;
  /** Runs git in its work tree. @returns what it says */
  readonly git: (...args: readonly string[]) => string;
  /** Adds files and commits. @returns the commit */
  readonly commit: (files: Files) => string;
}

export async function startGitServer(): Promise<GitServer> {
  const folder = mkdtempSync(join(tmpdir(), 'quai-git-'));
  const served = join(folder, 'served');
  mkdirSync(served);
  const server = createServer((request, response) => serve(served, request, response));
  const url = `http://127.0.0.1:${await listen(server)}`;
  const daemon = createTcpServer(socket => serveGit(served, socket));
  const gitUrl = `git://127.0.0.1:${await listen(daemon)}`;
  return {
    url,
    gitUrl,
    served,
    repository: name =>
      createRepository(join(folder, name), join(served, `${name}.git`), `${url}/${name}.git`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      daemon.close();
      await Promise.all([once(server, 'close'), once(daemon, 'close')]);
      rmSync(folder, { recursive: true });
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port; // listening on TCP
}

/** One connection, as inetd(8) has it. */
function serveGit(root: string, socket: Socket): void {
  const args = ['daemon', '--inetd', '--export-all', `--base-path=${root}`, root];
  const child = spawn('git', ['-c', 'safe.directory=*', ...args], {
    env: ENVIRONMENT,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  for (const stream of [socket, child.stdin]) stream.on('error', () => undefined); // either may be enough for the other
  socket.pipe(child.stdin);
  child.stdout.pipe(socket);
}

function createRepository(tree: string, bare: string, url: string): TestRepository {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-c', 'protocol.file.allow=always', ...args], {
      cwd: tree,
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .toString()
      .trim();
  mkdirSync(tree);
  git('init', '--quiet', '--initial-branch=main');
  git('init', '--quiet', '--bare', '--initial-branch=main', bare);
  git('-C', bare, 'config', 'uploadpack.allowReachableSHA1InWant', 'true');
  git('remote', 'add', 'origin', bare);
  return {
    url,
    git,
    commit: files => {
      for (const [path, content] of Object.entries(files)) put(join(tree, path), content);
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '--message', 'test');
      git('push', '--quiet', 'origin', 'HEAD', '--tags');
      return git('rev-parse', 'HEAD');
    },
  };
}

const ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
};

function put(path: string, content: string | undefined): void {
  rmSync(path, { recursive: true, force: true });
  if (content === undefined) return;
  mkdirSync(dirname(path), { recursive: true });
  if (content.startsWith('-> ')) symlinkSync(content.slice(3), path);
  else writeFileSync(path, content);
}

/** git-http-backend(1) is a CGI program (RFC 3875). */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://host');
  const child = spawn(BACKEND ?? '', [], {
    env: {
      PATH: ENVIRONMENT.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] && {
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      }),
      ...(typeof request.headers['git-protocol'] === 'string' && {
        GIT_PROTOCOL: request.headers['git-protocol'],
      }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined); // it has read enough
  void answer(child.stdout, response);
}

async function answer(output: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  let head = Buffer.alloc(0);
  let hasHead = false;
  for await (const chunk of output) {
    if (hasHead) {
      response.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    hasHead = true;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(/:\s*/, 2);
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
  }
  response.end();
}
