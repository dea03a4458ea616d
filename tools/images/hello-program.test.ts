import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helloProgram } from './hello-program.ts';

test('helloProgram() is an ELF file whose code points at its text', () => {
  for (const [arch, machine] of [
    ['x64', 62],
    ['arm64', 183],
  ] as const) {
    const program = helloProgram(arch);
    assert.ok(program.length < 1840, `${program.length} bytes`);
    assert.equal(program.readUInt32BE(0), 0x7f454c46);
    assert.equal(program.readUInt16LE(18), machine);
    assert.equal(program.readBigUInt64LE(64 + 32), BigInt(program.length), 'all of it is loaded');
  }
  const program = helloProgram('x64');
  const text = program.readUInt32LE(120 + 11) - 0x400000;
  assert.equal(program.subarray(text, text + 7).toString(), '\nHello ');
  assert.equal(program.readUInt32LE(120 + 16), program.length - text);
  assert.throws(() => helloProgram('mips'), /no hello-world for mips/);
});
