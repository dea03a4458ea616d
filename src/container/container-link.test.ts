import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkEnvironment, parseLink } from './container-link.ts';

const links: readonly (readonly [string, string])[] = [
  ['db', 'db as db'],
  ['db:sql', 'db as sql'],
  ['/db:/web/sql', 'db as sql'],
  ['', 'bad format for links: '],
  ['db:', 'bad format for links: db:'],
  [':sql', 'bad format for links: :sql'],
  ['a:b:c', 'bad format for links: a:b:c'],
];

for (const [text, expected] of links) {
  test(`parseLink(${JSON.stringify(text)})`, () => {
    assert.equal(
      outcome(() => {
        const { target, alias } = parseLink(text);
        return `${target} as ${alias}`;
      }),
      expected,
    );
  });
}

test('linkEnvironment() gives the variables of old', () => {
  const variables = linkEnvironment({
    alias: 'my-db',
    parentName: 'web',
    address: '172.17.0.5',
    ports: ['5433/tcp', '5432/tcp', '53/udp'],
    env: ['PASSWORD=a=b', 'HOME=/x', 'PATH=/y', 'BARE', 'EMPTY='],
  });
  assert.deepEqual(variables, [
    'MY_DB_PORT=udp://172.17.0.5:53',
    'MY_DB_PORT_5432_TCP_START=tcp://172.17.0.5:5432',
    'MY_DB_PORT_5432_TCP_PORT_START=5432',
    'MY_DB_PORT_5432_TCP_END=tcp://172.17.0.5:5433',
    'MY_DB_PORT_5432_TCP_PORT_END=5433',
    'MY_DB_PORT_53_UDP=udp://172.17.0.5:53',
    'MY_DB_PORT_53_UDP_ADDR=172.17.0.5',
    'MY_DB_PORT_53_UDP_PORT=53',
    'MY_DB_PORT_53_UDP_PROTO=udp',
    'MY_DB_PORT_5432_TCP=tcp://172.17.0.5:5432',
    'MY_DB_PORT_5432_TCP_ADDR=172.17.0.5',
    'MY_DB_PORT_5432_TCP_PORT=5432',
    'MY_DB_PORT_5432_TCP_PROTO=tcp',
    'MY_DB_PORT_5433_TCP=tcp://172.17.0.5:5433',
    'MY_DB_PORT_5433_TCP_ADDR=172.17.0.5',
    'MY_DB_PORT_5433_TCP_PORT=5433',
    'MY_DB_PORT_5433_TCP_PROTO=tcp',
    'MY_DB_NAME=/web/my-db',
    'MY_DB_ENV_PASSWORD=a=b',
    'MY_DB_ENV_EMPTY=',
  ]);
});

test('linkEnvironment() of a container without ports', () => {
  assert.deepEqual(
    linkEnvironment({ alias: 'db', parentName: 'web', address: '1.2.3.4', ports: [], env: [] }),
    ['DB_NAME=/web/db'],
  );
});

function outcome(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
}
