import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { DEFLATE_INPUTS } from './deflate-inputs.ts';
import { GoDeflate, type GoLevel } from './go-deflate.ts';

const LEVELS = [4, 5, 6, 7, 8, 9] as const;

/** Beginnings of the SHA-256 of what Go 1.19's `compress/flate` makes of each input, at each level. */
const BY_GO: Readonly<Record<string, Readonly<Record<GoLevel, string>>>> = {
  nothing: {
    4: 'f067985d352d2da6',
    5: 'f067985d352d2da6',
    6: 'f067985d352d2da6',
    7: 'f067985d352d2da6',
    8: 'f067985d352d2da6',
    9: 'f067985d352d2da6',
  },
  'one byte': {
    4: 'e45ce219caee059e',
    5: 'e45ce219caee059e',
    6: 'e45ce219caee059e',
    7: 'e45ce219caee059e',
    8: 'e45ce219caee059e',
    9: 'e45ce219caee059e',
  },
  'four bytes': {
    4: 'bd5ce4f1e9b3e2b9',
    5: 'bd5ce4f1e9b3e2b9',
    6: 'bd5ce4f1e9b3e2b9',
    7: 'bd5ce4f1e9b3e2b9',
    8: 'bd5ce4f1e9b3e2b9',
    9: 'bd5ce4f1e9b3e2b9',
  },
  'a short text': {
    4: 'b65435c067be4811',
    5: 'b65435c067be4811',
    6: 'b65435c067be4811',
    7: 'b65435c067be4811',
    8: 'b65435c067be4811',
    9: 'b65435c067be4811',
  },
  zeros: {
    4: '8204d14ba6e847eb',
    5: '8204d14ba6e847eb',
    6: '8204d14ba6e847eb',
    7: '8204d14ba6e847eb',
    8: '8204d14ba6e847eb',
    9: '8204d14ba6e847eb',
  },
  noise: {
    4: 'ba8ac24b88341803',
    5: 'ba8ac24b88341803',
    6: 'ba8ac24b88341803',
    7: 'ba8ac24b88341803',
    8: 'ba8ac24b88341803',
    9: 'ba8ac24b88341803',
  },
  'few letters': {
    4: 'a63d791bfb5584f6',
    5: '532b15db5e7f0740',
    6: '532b15db5e7f0740',
    7: '532b15db5e7f0740',
    8: '532b15db5e7f0740',
    9: '532b15db5e7f0740',
  },
  'a rare symbol': {
    4: '2ed7732ec6bd27dd',
    5: 'b3893b14bc81ed18',
    6: '973e51e75dfdb94a',
    7: '3746117aad3ad85e',
    8: '37c746e51a4710ae',
    9: 'eac423a7de127530',
  },
  'words of a log': {
    4: '92de71033370dcce',
    5: '7f15d74cf6260104',
    6: 'c4429bc6e1eb2407',
    7: 'c4429bc6e1eb2407',
    8: 'c4429bc6e1eb2407',
    9: 'c4429bc6e1eb2407',
  },
  'far copies': {
    4: '0bc3a90b75654057',
    5: '0bc3a90b75654057',
    6: '9d92deeadddb3a14',
    7: '9d92deeadddb3a14',
    8: '368043e89573ccd3',
    9: '368043e89573ccd3',
  },
  'text and noise by turns': {
    4: '8efd821f92956f28',
    5: 'e1a24254943972d6',
    6: 'af41550ab1f92a56',
    7: 'af41550ab1f92a56',
    8: 'af41550ab1f92a56',
    9: 'af41550ab1f92a56',
  },
};

function deflate(input: Buffer, level: GoLevel, writeBytes = 32_768): Buffer {
  const output: Buffer[] = [];
  const encoder = new GoDeflate(level, bytes => output.push(Buffer.from(bytes)));
  for (let place = 0; place < input.length; place += writeBytes) {
    encoder.write(input.subarray(place, place + writeBytes));
  }
  encoder.finish();
  return Buffer.concat(output);
}

test('GoDeflate writes what Go writes, byte for byte', () => {
  assert.deepEqual(Object.keys(DEFLATE_INPUTS), Object.keys(BY_GO));
  for (const [name, make] of Object.entries(DEFLATE_INPUTS)) {
    const input = make();
    for (const level of LEVELS) {
      const output = deflate(input, level);
      assert.ok(inflateRawSync(output).equals(input), `${name}, level ${level}: another content`);
      const digest = createHash('sha256').update(output).digest('hex').slice(0, 16);
      assert.equal(digest, BY_GO[name]?.[level], `${name}, level ${level}`);
    }
  }
});

test('GoDeflate writes something that inflates to its input, however that is cut', () => {
  const input = DEFLATE_INPUTS['text and noise by turns']?.() ?? assert.fail();
  for (const writeBytes of [1, 511, 70_000, input.length]) {
    assert.ok(inflateRawSync(deflate(input, 6, writeBytes)).equals(input), `${writeBytes} bytes at a time`);
  }
});
