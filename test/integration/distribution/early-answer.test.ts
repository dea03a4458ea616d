import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { HttpClient } from '#distribution/http-client';
import { readBody } from '#distribution/http-message';
import { TlsSettingsSource } from '#distribution/tls-settings';
import { Certificate, cannotMakeCertificate } from '../../support/http2-front.ts';

/** Sends for as long as somebody takes it. */
async function* endless(): AsyncGenerator<Buffer> {
  for (;;) {
    yield Buffer.alloc(1024);
    await new Promise(setImmediate);
  }
}

for (const isRead of [true, false]) {
  test(`HTTP/2: a request that was answered before its body was sent is over when the answer is ${isRead ? 'read' : 'discarded'}`, {
    skip: cannotMakeCertificate,
    timeout: 120_000,
  }, async () => {
    using files = new Certificate();
    const server = createSecureServer({
      cert: readFileSync(files.certificate),
      key: readFileSync(files.key),
    });
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.resume(); // it takes what comes, and waits for the end
      stream.respond({ ':status': 401 });
      stream.end('who are you?');
    });
    using sessions = new DisposableStack();
    server.on('session', session => sessions.defer(() => session.destroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const url = new URL(`https://127.0.0.1:${address.port}/v2/`);
    using client = new HttpClient({
      proxies: {},
      userAgent: 'quai-test',
      limits: { connectMs: 2000, socketsPerHost: 2 },
    });
    const tls = new TlsSettingsSource([]).of(url.host, { ca: files.certificate }, { isVerified: true });
    for (let count = 0; count < 4; count += 1) {
      const body = Readable.from(endless(), { objectMode: false });
      const response = await client.send({ method: 'PUT', url, headers: {}, body, tls });
      assert.equal(response.status, 401);
      if (isRead) assert.equal((await readBody(response, 100)).toString(), 'who are you?');
      else response.discard();
    }
    server.close();
  });
}
