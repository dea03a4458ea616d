import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import { test } from 'node:test';
import { HttpClient } from '#distribution/http-client';
import { TlsSettingsSource } from '#distribution/tls-settings';
import { Certificate, cannotMakeCertificate } from '../../support/http2-front.ts';

const STALL_MS = 300;

async function urlOf(server: Server, scheme: 'http' | 'https'): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return new URL(`${scheme}://127.0.0.1:${address.port}/v2/`);
}

async function discarded(url: URL, ca?: string): Promise<void> {
  using client = new HttpClient({ proxies: {}, userAgent: 'quai-test', limits: { stallMs: STALL_MS } });
  const tls = new TlsSettingsSource([]).of(url.host, ca ? { ca } : {}, { isVerified: true });
  const response = await client.send({ method: 'GET', url, headers: {}, tls });
  response.discard();
  response.discard();
  await ended.promise;
}

let ended = Promise.withResolvers<void>();

for (const [what, isEndless] of [
  ['never ends', true],
  ['never comes', false],
] as const) {
  test(`HTTP/2: an answer that is not wanted is cancelled when its body ${what}`, {
    skip: cannotMakeCertificate,
    timeout: 120_000,
  }, async () => {
    ended = Promise.withResolvers();
    using files = new Certificate();
    const server = createSecureServer({
      cert: readFileSync(files.certificate),
      key: readFileSync(files.key),
    });
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.once('close', () => ended.resolve());
      stream.on('error', () => undefined);
      stream.respond({ ':status': 404 });
      const more = (): void => {
        while (isEndless && !stream.destroyed && stream.write(Buffer.alloc(16_384)));
      };
      stream.on('drain', more);
      more();
    });
    await discarded(await urlOf(server, 'https'), files.certificate);
    server.close();
  });
}

test('HTTP/1.1: the connection of an answer that is not wanted is closed when the rest does not come', {
  timeout: 120_000,
}, async () => {
  ended = Promise.withResolvers();
  const server = createServer((request, response) => {
    request.socket.once('close', () => ended.resolve());
    response.writeHead(404, { 'content-length': 100 }).write('not all of it');
  });
  await discarded(await urlOf(server, 'http'));
  server.close();
});
