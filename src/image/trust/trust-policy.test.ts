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

  test('without a file nothing is asked; a file that comes later counts at once', () => {
    const path = join(folder, 'later.json');
    const rules = new TrustPolicy({ path });
    assert.equal(rules.ruleFor(parseReference('busybox')), undefined);
    writeFileSync(path, JSON.stringify({ rules: [{ prefix: 'docker.io', require: 'refusal' }] }));
    assert.equal(rules.ruleFor(parseReference('busybox'))?.wants, 'refusal');
  });

  for (const [what, content, message] of [
    ['no JSON', '{', /is wrong: .*JSON/],
    ['an unknown member', { rules: [], deny: true }, /is wrong: deny/],
    ['a signature without keys', { rules: [{ prefix: 'x', require: 'signature' }] }, /names no keys/],
    [
      'a key that is not there',
      { rules: [{ prefix: 'x', require: 'signature', keys: ['/nowhere'] }] },
      /no file "\/nowhere"/,
    ],
    [
      'a key of another kind',
      { rules: [{ prefix: 'x', require: 'signature', keys: [RSA] }] },
      /of the type rsa/,
    ],
  ] as const) {
    test(`a policy with ${what} refuses every image, and says why`, () => {
      assert.throws(() => policy(content).ruleFor(parseReference('busybox')), { kind: 'forbidden', message });
    });
  }
});
