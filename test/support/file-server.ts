import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** headers of the requests, by path */
  readonly seen: Map<string, IncomingHttpHeaders>;
}

/** What a path answers with: bytes, or whatever it does. */
export type Served = Readonly<Record<string, Buffer | string | ((response: ServerResponse) => void)>>;

/** Serves files over loopback; what it does not have is 404. */
export async function startFileServer(files: Served): Promise<FileServer> {
  const seen = new Map<string, IncomingHttpHeaders>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    seen.set(pathname, request.headers);
    const file = Object.hasOwn(files, pathname) ? files[pathname] : undefined;
    if (typeof file === 'function') file(response);
    else if (file === undefined) response.writeHead(404).end('none');
    else response.writeHead(200, { 'Last-Modified': 'Fri, 01 Jan 2021 00:00:00 GMT' }).end(file);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // listening on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An answer that sends elsewhere. */
export function redirectTo(location: string): (response: ServerResponse) => void {
  return response => void response.writeHead(302, { Location: location }).end();
}
