import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { ForbiddenAddressError } from '#sys/address-guard';
import { TlsAgent } from './tls-agent.ts';

test('negotiate() looks names up as the agent does: who may not lead there does not', async () => {
  const asked: string[] = [];
  const lookup: LookupFunction = (host, _options, callback) => {
    asked.push(host);
    callback(new ForbiddenAddressError(host, '169.254.1.1'), []);
  };
  const agent = new TlsAgent({ lookup });
  const never = new AbortController().signal;
  await assert.rejects(agent.negotiate(new URL('https://registry.test/v2/'), never), ForbiddenAddressError);
  assert.deepEqual(asked, ['registry.test']);
  agent.destroy();
});

test('negotiate() does not begin for who has left, and ends when it leaves', async () => {
  const lookup: LookupFunction = () => undefined; // never answers
  const agent = new TlsAgent({ lookup });
  const url = new URL('https://registry.test/');
  await assert.rejects(agent.negotiate(url, AbortSignal.abort()), { kind: 'cancelled' });
  const leaving = new AbortController();
  const left = assert.rejects(agent.negotiate(url, leaving.signal), { kind: 'cancelled' });
  leaving.abort();
  await left;
  agent.destroy();
});
