import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogFields } from '#base/logger';
import { silentLogger } from '#base/logger';
import { isJournal, serviceManager } from './service-manager.ts';

function warned(): { readonly warnings: string[]; readonly logger: typeof silentLogger } {
  const warnings: string[] = [];
  const warn = (message: string, fields: LogFields = {}): void =>
    void warnings.push(`${message}: ${String(fields['error'])}`);
  return { warnings, logger: { ...silentLogger, warn } };
}

test('serviceManager() is deaf where nobody listens, and the machine does not go down', async () => {
  const { warnings, logger } = warned();
  const manager = serviceManager({}, logger);
  manager.status('a');
  manager.ready('b');
  manager.stopping('c');
  assert.deepEqual([warnings, await manager.isMachineGoingDown()], [[], false]);
});

test('serviceManager() goes on when the socket is gone, and says so', () => {
  const { warnings, logger } = warned();
  serviceManager({ NOTIFY_SOCKET: '/nowhere/at/all' }, logger).status('a');
  assert.match(warnings.join(), /cannot tell the service manager .*ENOENT/);
});

test('isJournal() is true for the stream that the journal reads only', () => {
  for (const stream of [undefined, '', '1:1', 'x']) {
    assert.equal(isJournal(stream), false, `JOURNAL_STREAM=${stream}`);
  }
});
