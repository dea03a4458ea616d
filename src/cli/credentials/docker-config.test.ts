import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '#client/json';
import { parseRegistryConfig } from './docker-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test("a config.json of Docker's is read: passwords, tokens, helpers, and servers as older clients wrote them", () => {
  const config = parseRegistryConfig('f', {
    auths: {
      'https://index.docker.io/v1/': { auth: base64('me:pass:word') },
      'https://old.example.org/v1/': { auth: base64('old:secret') },
      'localhost:5000': { auth: base64('x:'), identitytoken: 'token' },
      'plain:5000': { username: 'u', password: 'p' },
      'kept-by-a-helper': {},
    },
    credsStore: 'pass',
    credHelpers: { 'registry.example.org': 'box', 'docker.io': 'hub' },
  });
  assert.deepEqual(
    [...config.credentials],
    [
      ['https://index.docker.io/v1/', { username: 'me', password: 'pass:word' }],
      ['old.example.org', { username: 'old', password: 'secret' }],
      ['localhost:5000', { username: 'x', identityToken: 'token' }],
      ['plain:5000', { username: 'u', password: 'p' }],
    ],
  );
  assert.equal(config.credsStore, 'pass');
  assert.deepEqual(
    [...config.credHelpers],
    [
      ['registry.example.org', 'box'],
      ['https://index.docker.io/v1/', 'hub'],
    ],
  );
});

test('odd files are empty, or refused by name', () => {
  for (const text of ['{}', '[]', 'null', '{"auths":null}', '{"auths":{"a":7}}'])
    assert.equal(parseRegistryConfig('f', parseJson(text)).credentials.size, 0, text);
  assert.throws(
    () => parseRegistryConfig('/x/config.json', { auths: { 'a.org': { auth: base64('nocolon') } } }),
    {
      name: 'CliError',
      message: '/x/config.json: invalid auth of "a.org": not base64 of USER:PASSWORD',
    },
  );
});
