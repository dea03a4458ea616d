import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor } from './proxy-settings.ts';

const PROXIES = { httpProxy: 'plain.proxy:3128', httpsProxy: 'http://tls.proxy:3128' };

test('proxyFor() takes the proxy of the scheme, and none for this machine', () => {
  assert.equal(proxyFor(new URL('http://r.example/'), PROXIES), 'http://plain.proxy:3128');
  assert.equal(proxyFor(new URL('https://r.example/'), PROXIES), 'http://tls.proxy:3128');
  for (const url of ['http://localhost:5000/', 'https://127.3.2.1/', 'http://[::1]:5000/']) {
    assert.equal(proxyFor(new URL(url), PROXIES), undefined, url);
  }
});

test('NO_PROXY: names with their subdomains, ports, addresses, ranges, all', () => {
  const direct = (noProxy: string, url: string): boolean =>
    proxyFor(new URL(url), { ...PROXIES, noProxy }) === undefined;
  assert.ok(direct('a.example, r.example', 'http://r.example/'));
  assert.ok(direct('r.example', 'http://deep.r.example/'));
  assert.ok(!direct('r.example', 'http://otherr.example/'));
  assert.ok(!direct('.r.example', 'http://r.example/'));
  assert.ok(direct('.r.example', 'http://x.r.example/'));
  assert.ok(direct('*.r.example', 'http://x.r.example/'));
  assert.ok(direct('r.example:8080', 'http://r.example:8080/'));
  assert.ok(!direct('r.example:8080', 'http://r.example/'));
  assert.ok(direct('r.example:443', 'https://r.example/'));
  assert.ok(direct('10.0.0.0/8', 'http://10.9.8.7/'));
  assert.ok(!direct('10.0.0.0/8', 'http://11.9.8.7/'));
  assert.ok(!direct('10.0.0.0/99', 'http://10.9.8.7/'));
  assert.ok(direct('[fd00::1]:5000', 'http://[fd00::1]:5000/'));
  assert.ok(direct('*', 'http://anything.example/'));
});
