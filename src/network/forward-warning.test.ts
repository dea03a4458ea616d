import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogFields, silentLogger } from '#base/logger';
import type { NftChain } from '#sys/netlink/nftables-chains';
import { ForwardWarning } from './forward-warning.ts';

const chain = (change: Partial<NftChain>): NftChain => ({
  family: 'ip',
  table: 'filter',
  name: 'FORWARD',
  hook: 'forward',
  isDropping: true,
  ...change,
});

function warningsFor(chains: readonly NftChain[]): LogFields[] {
  const warnings: LogFields[] = [];
  const logger = {
    ...silentLogger,
    warn: (_message: string, fields: LogFields = {}) => void warnings.push(fields),
  };
  const warning = new ForwardWarning({ logger, bridge: 'quai0', list: () => chains });
  warning.check();
  warning.check();
  return warnings;
}

test('a table that drops what is forwarded is named once, with a cure', () => {
  assert.deepEqual(warningsFor([chain({})]), [
    {
      chain: 'ip filter FORWARD',
      cure: [
        'nft insert rule ip filter FORWARD iifname quai0 accept',
        'nft insert rule ip filter FORWARD oifname quai0 accept',
      ],
    },
  ]);
});

test('where Docker keeps a chain for such rules, the cure goes there', () => {
  const { name: _name, hook: _hook, ...user } = chain({ isDropping: false });
  const [warning] = warningsFor([chain({}), { ...user, name: 'DOCKER-USER' }]);
  assert.deepEqual(warning?.['cure'], [
    'nft insert rule ip filter DOCKER-USER iifname quai0 accept',
    'nft insert rule ip filter DOCKER-USER oifname quai0 accept',
  ]);
});

test('chains that accept, or sit elsewhere, are nobody’s trouble', () => {
  assert.deepEqual(warningsFor([chain({ isDropping: false }), chain({ hook: 'input' })]), []);
});
