import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogFields, silentLogger } from '#base/logger';
import { firewallManager, tellFirewallManager } from './firewall-manager.ts';

const UFW = { family: 'ip', table: 'filter', name: 'ufw-before-input', isDropping: false };
const FIREWALLD = { family: 'inet', table: 'firewalld', name: 'filter_INPUT', isDropping: false };
const OTHER = { family: 'inet', table: 'mine', name: 'input', isDropping: true };

test('firewallManager() knows who made the rules by their names', () => {
  assert.equal(firewallManager([OTHER, UFW]), 'ufw');
  assert.equal(firewallManager([OTHER, FIREWALLD]), 'firewalld');
  assert.equal(firewallManager([OTHER, { table: 'x', name: 'stuff-ufw' }]), undefined);
});

test('tellFirewallManager() names the firewall, and what cures', () => {
  const told = (mode: 'quai' | 'host', chains: readonly (typeof UFW)[]): LogFields[] => {
    const lines: LogFields[] = [];
    const logger = {
      ...silentLogger,
      info: (message: string, fields: LogFields = {}) => void lines.push({ message, ...fields }),
    };
    tellFirewallManager(chains, { logger, mode, bridge: 'quai0' });
    return lines;
  };
  assert.equal(told('quai', [OTHER]).length, 0);
  assert.equal(told('host', [UFW]).length, 0);
  assert.match(
    String(told('quai', [UFW])[0]?.['message']),
    /^ufw is active .* not subject to its input rules/,
  );
  assert.deepEqual(told('host', [FIREWALLD])[0]?.['cure'], [
    'firewall-cmd --permanent --zone=trusted --add-interface=quai0',
    'firewall-cmd --reload',
  ]);
});
