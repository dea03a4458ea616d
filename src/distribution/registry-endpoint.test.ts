import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { silentLogger } from '#base/logger';
import type { AddressClass } from '#sys/address-guard';
import { Authenticator } from './authenticator.ts';
import type { HttpRequest, HttpResponse } from './http-message.ts';
import { RegistryEndpoint } from './registry-endpoint.ts';
import type { Source } from './registry-rules.ts';

type Answer = Pick<HttpResponse, 'status' | 'address'> & { readonly headers?: HttpResponse['headers'] };

describe('RegistryEndpoint', () => {
  /** Answers in order, each from the address that the registry's name stands for at that moment. */
  function endpoint(answers: readonly Answer[]) {
    const sent: HttpRequest[] = [];
    const http = {
      send: async (request: HttpRequest): Promise<HttpResponse> => {
        const answer = answers[sent.push(request) - 1];
        assert.ok(answer, `${request.method} ${request.url.href} was not expected`);
        return {
          statusText: '',
          headers: {},
          ...answer,
          url: request.url,
          async *body() {
            yield Buffer.from('{"token":"t"}');
          },
          discard: () => undefined,
        };
      },
    };
    const source: Source = {
      host: 'evil.example.com',
      schemes: ['https'],
      isVerified: true,
      repository: 'x',
      isMirror: false,
      knowsTags: true,
      takesCredentials: false,
      tlsFiles: {},
    };
    const registry = new RegistryEndpoint(
      source,
      {},
      {
        http,
        auth: new Authenticator({ http, now: Date.now }),
        tlsOf: () => ({ key: '', isVerified: true, context: () => createSecureContext() }),
        backOff: { attempts: 1, baseMs: 1, capMs: 1, mostRetryAfterMs: 1, random: () => 0 },
        now: Date.now,
        logger: silentLogger,
        reached: new Map(),
        resting: new Map(),
      },
    );
    const namers = (): (readonly [host: string, namedBy: AddressClass | undefined])[] =>
      sent.map(({ url, namedBy }) => [url.host, namedBy]);
    return { registry, namers };
  }

  const get = { method: 'GET', target: '/v2/x/blobs/y', scopes: [] };

  test('a redirect is held against the address that it came from, not against an earlier one of the name', async () => {
    const { registry, namers } = endpoint([
      { status: 200, address: 'loopback' },
      { status: 307, address: 'public', headers: { location: 'https://internal/' } },
      { status: 307, address: 'private', headers: { location: 'https://further/' } },
      { status: 200, address: 'public' },
    ]);
    await registry.send(get);
    assert.deepEqual(namers(), [
      ['evil.example.com', undefined],
      ['evil.example.com', undefined],
      ['internal', 'public'],
      ['further', 'private'],
    ]);
  });

  test('so is a token server, also when it was named before the name came to stand for this machine', async () => {
    const challenge = { 'www-authenticate': 'Bearer realm="https://internal/token",service="s"' };
    const { registry, namers } = endpoint([
      { status: 401, address: 'public', headers: challenge },
      { status: 200, address: 'private' },
      { status: 200, address: 'loopback' },
    ]);
    await registry.send(get);
    assert.deepEqual(namers()[1], ['internal', 'public']);
  });
});
