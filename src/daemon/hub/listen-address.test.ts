import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAnyAddress, isLoopback, parseListenAddress, urlOf } from './listen-address.ts';

test('parseListenAddress() takes addresses with a port, and nothing else', () => {
  assert.deepEqual(parseListenAddress('127.0.0.1:5000'), { host: '127.0.0.1', port: 5000 });
  assert.deepEqual(parseListenAddress('[::1]:443'), { host: '::1', port: 443 });
  assert.deepEqual(parseListenAddress(':443'), { host: '::', port: 443 });
  assert.deepEqual(parseListenAddress('localhost:80'), { host: '127.0.0.1', port: 80 });
  const wrong = ['', '5000', '127.0.0.1', '::1:5000', '[::1]', '[127.0.0.1]:1', 'hub.test:5000'];
  wrong.push('127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:5000/', '256.0.0.1:1');
  for (const text of wrong) assert.equal(parseListenAddress(text), undefined, text);
});

test('addresses are known for what they reach', () => {
  const address = (text: string) => parseListenAddress(text) ?? assert.fail(text);
  const loopback = ['127.0.0.1:1', '127.8.9.1:1', '[::1]:1', 'localhost:1'];
  const any = ['0.0.0.0:1', '[::]:1', '[0:0:0:0:0:0:0:0]:1', ':1'];
  for (const text of loopback)
    assert.deepEqual([isLoopback(address(text)), isAnyAddress(address(text))], [true, false]);
  for (const text of any)
    assert.deepEqual([isLoopback(address(text)), isAnyAddress(address(text))], [false, true]);
  assert.equal(isLoopback(address('192.0.2.1:1')), false);
  assert.equal(urlOf('https', address('192.0.2.1:443')), 'https://192.0.2.1');
  assert.equal(urlOf('http', address('[2001:db8::1]:5000')), 'http://[2001:db8::1]:5000');
});
