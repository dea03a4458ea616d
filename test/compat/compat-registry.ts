import { after, before } from 'node:test';
import { FaultProxy } from '../support/fault-proxy.ts';
import { TestRegistry } from '../support/registry.ts';

/** One registry for all tests of a file. */
export interface CompatRegistry {
  /** `127.0.0.1:port`, before the name of a repository */
  readonly host: string;
  /** The same registry, seen and disturbed on the way. */
  readonly proxy: FaultProxy;
}

/**
 * Starts a registry before the first test of the file unless they are skipped, and stops it after the last. `fill`
 * puts in what all of them need: hooks of a file do not wait for each other. Call it before `compatEngine()`: a hook
 * that fails keeps those after it from running.
 */
export function compatRegistry(
  skip: string | false,
  fill: (host: string) => Promise<unknown> = async () => undefined,
): CompatRegistry {
  let registry: TestRegistry;
  let proxy: FaultProxy;
  before(async () => {
    if (skip) return;
    registry = await TestRegistry.start();
    proxy = await FaultProxy.before(registry.port);
    await fill(registry.host);
  });
  after(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  });
  return {
    get host() {
      return registry.host;
    },
    get proxy() {
      return proxy;
    },
  };
}
