import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { ApiClient } from '#client/api-client';
import { FakeTransport } from '#client/fake-transport';
import { proxySignals } from './signal-proxy.ts';

function send(source: EventEmitter, ...signals: NodeJS.Signals[]): void {
  for (const signal of signals) source.emit(signal, signal);
}

test('signals go to the container until the proxy is disposed', async () => {
  const transport = new FakeTransport({ 'POST /containers/c1/kill': { status: 204 } });
  const source = new EventEmitter();
  {
    using _proxy = proxySignals(new ApiClient({ transport }), 'c1', assert.fail, source);
    send(source, 'SIGTERM', 'SIGHUP', 'SIGUSR2');
    await new Promise(resolve => setImmediate(resolve));
  }
  assert.deepEqual(
    transport.seen.map(one => one.query['signal']),
    ['TERM', 'HUP', 'USR2'],
  );
  assert.deepEqual(source.eventNames(), []);
});

test('the third Ctrl-C gives up, whatever the container does', () => {
  const source = new EventEmitter();
  let gaveUp = 0;
  const client = new ApiClient({ transport: new FakeTransport({}) });
  using _proxy = proxySignals(client, 'c1', () => void gaveUp++, source);
  send(source, 'SIGINT', 'SIGINT');
  assert.equal(gaveUp, 0);
  send(source, 'SIGINT');
  assert.equal(gaveUp, 1);
});
