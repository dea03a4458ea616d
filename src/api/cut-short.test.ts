import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ServerProbe } from '#http/server-probe';
import { createApiServer } from './api-server.ts';
import { EXEC_ID, echoSession, fakeApiDeps, fakeContainers } from './fake-services.ts';

const JSON_HEAD = 'Host: x\r\nContent-Type: application/json\r\n';
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
const WEB_SOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n';

const CONVERSATIONS: readonly [what: string, bytes: string][] = [
  ['a list', 'GET /v1.50/containers/json?all=1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a creation', `POST /containers/create HTTP/1.1\r\n${JSON_HEAD}Content-Length: 13\r\n\r\n{"Image":"x"}`],
  [
    'an upload',
    'POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n',
  ],
  ['an attach', `POST /containers/web/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\ninput`],
  ['a plain attach', 'POST /containers/web/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  [
    'a chunked attach',
    'POST /containers/web/attach HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  ],
  [
    'an exec',
    `POST /exec/${EXEC_ID}/start HTTP/1.1\r\n${JSON_HEAD}Content-Length: 15\r\n${UPGRADE}\r\n{"Detach":false}input`,
  ],
  [
    'a WebSocket',
    `GET /containers/web/attach/ws?stream=1 HTTP/1.1\r\nHost: x\r\n${WEB_SOCKET}\r\n\x82\x83\0\0\0\0abc`,
  ],
  ['events', 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n'],
];

for (const [what, bytes] of CONVERSATIONS) {
  test(`${what} can be broken off anywhere: nothing is left open, and the next is served`, async () => {
    const attach = () => Promise.resolve(echoSession({ isRaw: false }));
    const containers = fakeContainers({ attach, startExec: attach });
    await using probe = await ServerProbe.start(createApiServer(fakeApiDeps({ containers })));
    for (let cut = 1; cut <= bytes.length; cut += 1 + Math.floor(bytes.length / 25)) {
      const socket = probe.open();
      socket.on('error', () => undefined); // the server may answer what nobody reads any more
      socket.write(Buffer.from(bytes.slice(0, cut), 'latin1'));
      await new Promise(resolve => setImmediate(resolve));
      socket.destroy();
      await once(socket, 'close');
    }
    assert.equal((await probe.call('GET', '/_ping', { headers: { Connection: 'close' } })).text, 'OK');
    await probe.untilNobodyIsConnected();
  });
}
