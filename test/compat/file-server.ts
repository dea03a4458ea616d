import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

export interface FileServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** what was asked for, in order */
  readonly seen: readonly string[];
}

/** The files of a folder over HTTP, on this machine only. Dispose it with `await using`. */
export async function fileServer(folder: string): Promise<FileServer> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://x');
    seen.push(pathname);
    const path = join(folder, normalize(decodeURIComponent(pathname)));
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': typeOf(path) });
    if (request.method === 'HEAD') response.end();
    else createReadStream(path).pipe(response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function typeOf(path: string): string {
  if (path.endsWith('.tar.gz')) return 'application/gzip';
  return path.includes('.git/') ? 'application/octet-stream' : 'text/plain';
}
