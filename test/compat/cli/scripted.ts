import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { cannotCompare, ScriptedEngine } from '../../support/scripted-engine.ts';

/** Why our command line cannot be compared with Docker's here. */
export const skip = cannotCompare;

/** One scripted engine for all tests of a file. */
export function scripted(): { readonly engine: ScriptedEngine } {
  let engine: ScriptedEngine | undefined;
  before(async () => {
    if (skip === false) engine = await ScriptedEngine.start();
  });
  after(async () => engine?.[Symbol.asyncDispose]());
  return {
    get engine() {
      assert.ok(engine, 'the engine runs while tests do');
      return engine;
    },
  };
}
