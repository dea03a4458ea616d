import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseReference } from '#spec/reference';
import { TrustPolicy } from './trust-policy.ts';

describe('TrustPolicy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-trust-'));
  after(() => rmSync(folder, { recursive: true }));
  const KEY = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();

  function policy(content: unknown): TrustPolicy {
    const path = join(folder, 'trust.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return new TrustPolicy({ path });
  }

  test('ruleFor() takes the longest beginning of a name, and only whole parts of it', () => {
    const rules = policy({
      rules: [
        { prefix: '', require: 'nothing' },
        { prefix: 'docker.io', require: 'refusal' },
        { prefix: 'docker.io/library', require: 'signature', keys: [KEY] },
      ],
    });
    const wants = (name: string): string | undefined => rules.ruleFor(parseReference(name))?.wants;
    assert.deepEqual(['busybox', 'team/app', 'localhost:5000/x', 'docker.io/library2/x'].map(wants), [
      'signature',
      'refusal',
      'nothing',
      'refusal',
    ]);
  });

  test('nobody gets around a rule by another spelling of the registry', () => {
    const rules = policy({
      rules: [
        { prefix: 'Registry.Example.com/team', require: 'refusal' },
        { prefix: 'index.docker.io', require: 'refusal' },
        { prefix: 'localhost:5000', require: 'refusal' },
      ],
    });
    for (const name of [
      'registry.example.com/team/app',
      'REGISTRY.example.com/team/app',
      'registry.example.com:443/team/app',
      'registry.example.com:0443/team/app',
      'busybox',
      'registry-1.docker.io/library/busybox',
      'Docker.io/library/busybox',
      'localhost:05000/app',
    ]) {
      assert.equal(rules.ruleFor(parseReference(name))?.wants, 'refusal', name);
    }
    assert.equal(rules.ruleFor(parseReference('registry.example.com:444/team/app')), undefined);
  });

  test('a key in a file counts as it is now, not as it was when the policy was read', () => {
    const keyPath = join(folder, 'team.pub');
    const pem = (): string =>
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
    writeFileSync(keyPath, pem());
    const rules = policy({ rules: [{ prefix: 'a.org', require: 'signature', keys: [keyPath] }] });
    const key = () => rules.ruleFor(parseReference('a.org/x'))?.keys[0];
    const before = key();
    assert.equal(key(), before);
    const next = pem();
    rmSync(keyPath);
    assert.throws(key, { kind: 'forbidden', message: /no file/ });
    writeFileSync(keyPath, next);
    assert.equal(key()?.export({ type: 'spki', format: 'pem' }), next);
  });

  test('an image without a name is held against the rule for all, and no other', () => {
    const key = [{ prefix: 'a.org', require: 'refusal' }];
    assert.equal(policy({ rules: key }).ruleForNameless(), undefined);
    assert.equal(
      policy({ rules: [...key, { prefix: '', require: 'refusal' }] }).ruleForNameless()?.prefix,
      '',
    );
  });

  test('without a file nothing is asked; a file that comes later counts at once', () => {
    const path = join(folder, 'later.json');
    const rules = new TrustPolicy({ path });
    assert.equal(rules.ruleFor(parseReference('busybox')), undefined);
    writeFileSync(path, JSON.stringify({ rules: [{ prefix: 'docker.io', require: 'refusal' }] }));
    assert.equal(rules.ruleFor(parseReference('busybox'))?.wants, 'refusal');
  });

  test('a file that the configuration names and that is not there lets nothing in, until it comes', () => {
    const path = join(folder, 'named.json');
    const rules = new TrustPolicy({ path, isNamed: true });
    assert.throws(() => rules.ruleFor(parseReference('busybox')), {
      kind: 'forbidden',
      message: /no image is trusted while there is no trust policy in ".*named\.json"/,
    });
    assert.throws(() => rules.ruleForNameless(), { kind: 'forbidden' });
    writeFileSync(path, JSON.stringify({ rules: [] }));
    assert.equal(rules.ruleFor(parseReference('busybox')), undefined);
    rmSync(path);
    assert.throws(() => rules.ruleFor(parseReference('busybox')), { kind: 'forbidden' });
  });

  for (const [what, content, message] of [
    ['no JSON', '{', /is wrong: .*JSON/],
    ['an unknown member', { rules: [], deny: true }, /is wrong: deny/],
    ['a signature without keys', { rules: [{ prefix: 'a.org', require: 'signature' }] }, /names no keys/],
    ...['library', 'busybox', 'a.org/x:1', 'a.org/x@sha256:0', 'a.org/X', '/a.org', 'a b.org'].map(
      prefix =>
        [
          `the prefix ${prefix}, which no name begins with`,
          { rules: [{ prefix, require: 'refusal' }] },
          /must begin with a registry, and have no tag/,
        ] as const,
    ),
    [
      'two rules for one prefix',
      {
        rules: [
          { prefix: 'a.org', require: 'refusal' },
          { prefix: 'A.org/', require: 'nothing' },
        ],
      },
      /two rules for "a\.org"/,
    ],
    [
      'a key that is not there',
      { rules: [{ prefix: 'a.org', require: 'signature', keys: ['/nowhere'] }] },
      /no file "\/nowhere"/,
    ],
    [
      'a key of another kind',
      { rules: [{ prefix: 'a.org', require: 'signature', keys: [RSA] }] },
      /of the type rsa/,
    ],
  ] as const) {
    test(`a policy with ${what} refuses every image, and says why`, () => {
      assert.throws(() => policy(content).ruleFor(parseReference('busybox')), { kind: 'forbidden', message });
    });
  }
});
