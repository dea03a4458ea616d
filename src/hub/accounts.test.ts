import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { PASSWORD, TestHub } from './test-hub.ts';

const from = { address: '192.0.2.1' };

describe('the first account', () => {
  test('takes the set-up code, which the log and a private file have, and is an administrator', async () => {
    const lines: string[] = [];
    const logger = { ...silentLogger, info: (line: string) => void lines.push(line) };
    await using hub = new TestHub({ isSignUpOpen: true }, logger);
    const { accounts } = hub.services;
    const code = hub.setupCode;
    assert.ok(lines.some(line => line.includes(code)));
    assert.equal(statSync(join(hub.folder, 'setup-code')).mode & 0o777, 0o600);
    assert.ok(accounts.isEmpty());

    const input = { name: 'alice', password: PASSWORD };
    await assert.rejects(accounts.create(undefined, input), { kind: 'forbidden', message: /set-up code/ });
    await assert.rejects(accounts.create(undefined, { ...input, setupCode: '' }), { kind: 'forbidden' });
    await assert.rejects(accounts.create(undefined, { ...input, setupCode: `${code}x` }), {
      kind: 'forbidden',
    });
    const alice = await accounts.create(undefined, { ...input, setupCode: ` ${code.toUpperCase()}\n` });
    assert.ok(alice.isAdmin && !accounts.isEmpty());
    assert.ok(!existsSync(join(hub.folder, 'setup-code')));
    const bob = await accounts.create(undefined, { name: 'bob', password: PASSWORD, setupCode: code });
    assert.ok(!bob.isAdmin, 'the code is spent');
  });

  test('is one, however many come at once', async () => {
    await using hub = new TestHub();
    const setupCode = hub.setupCode;
    const made = await Promise.allSettled(
      ['alice', 'bob', 'carol'].map(name =>
        hub.services.accounts.create(undefined, { name, password: PASSWORD, setupCode }),
      ),
    );
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test('has the same code after a restart, and none is there afterwards', async () => {
    await using hub = new TestHub();
    const before = hub.setupCode;
    await using _again = hub.open();
    assert.equal(hub.setupCode, before);
    await hub.setUp();
    await using _later = hub.open();
    assert.ok(!existsSync(join(hub.folder, 'setup-code')));
  });
});

describe('accounts', () => {
  test('are made by administrators alone, unless sign-up is open', async () => {
    await using hub = new TestHub();
    const { alice } = await hub.people('alice');
    const input = { name: 'mallory', password: PASSWORD };
    await assert.rejects(hub.services.accounts.create(undefined, input), { kind: 'unauthorized' });
    await assert.rejects(hub.services.accounts.create(alice, input), { kind: 'forbidden' });
    // Who says to be an administrator is looked up.
    await assert.rejects(hub.services.accounts.create({ ...alice, isAdmin: true }, input), {
      kind: 'forbidden',
    });
    await using open = hub.open({ isSignUpOpen: true });
    assert.equal((await open.services.accounts.create(undefined, input)).isAdmin, false);
  });

  test('are made from one address at a bounded pace, where anybody may make them', async () => {
    await using hub = new TestHub({ isSignUpOpen: true });
    const admin = await hub.setUp();
    const make = async (index: number, address = '192.0.2.1', viewer?: typeof admin): Promise<string> =>
      await hub.services.accounts
        .create(viewer, { name: `user${index}`, password: PASSWORD, address })
        .then(() => 'made')
        .catch((error: { readonly kind: string }) => error.kind);
    const made = await Promise.all(Array.from({ length: 15 }, async (_, index) => await make(index)));
    assert.equal(made.filter(result => result === 'made').length, 10);
    assert.equal(await make(20), 'unavailable');
    assert.equal(await make(20, '192.0.2.2'), 'made');
    assert.equal(await make(21, '192.0.2.1', admin), 'made');
    hub.now += 60_000;
    assert.equal(await make(22), 'made');
  });

  test('share their names with organizations, once each', async () => {
    await using hub = new TestHub();
    const { admin, alice } = await hub.people('alice');
    hub.services.organizations.create(alice, { name: 'acme' });
    for (const name of ['acme', 'alice']) {
      await assert.rejects(hub.services.accounts.create(admin, { name, password: PASSWORD }), {
        kind: 'conflict',
      });
      assert.throws(() => hub.services.organizations.create(alice, { name }), { kind: 'conflict' });
    }
    await assert.rejects(hub.services.accounts.create(admin, { name: 'library', password: PASSWORD }), {
      kind: 'invalid',
    });
  });

  test('sign in by password, in any case of the name; whatever is wrong, the answer is one', async () => {
    await using hub = new TestHub();
    const { admin } = await hub.people('alice', 'bob');
    const { accounts } = hub.services;
    const signedIn = await accounts.authenticate('Alice', PASSWORD, from);
    assert.deepEqual([signedIn.account.name, signedIn.permission], ['alice', 'admin']);
    accounts.update(admin, 'bob', { isDisabled: true });
    for (const [name, password] of [
      ['alice', 'wrong password'],
      ['nobody', PASSWORD],
      ['bob', PASSWORD],
      ['alice', 'x'.repeat(100_000)],
      ["alice' OR '1'='1", PASSWORD],
    ] as const) {
      await assert.rejects(accounts.authenticate(name, password, from), {
        kind: 'unauthorized',
        message: 'incorrect username or password',
      });
    }
  });

  test('have their password hashed with the settings of today when it is used', async () => {
    await using hub = new TestHub({ hashCost: { logN: 5, r: 1, p: 1 } });
    await hub.people('alice');
    await using later = hub.open({ hashCost: { logN: 6, r: 1, p: 1 } });
    await later.services.accounts.authenticate('alice', PASSWORD, from);
    const row = hub.db.get("SELECT password FROM hub_accounts WHERE name = 'alice'");
    assert.match(String(row?.['password']), /^scrypt\$6\$/);
    await hub.services.accounts.authenticate('alice', PASSWORD, from);
  });

  test('are guessed at a bounded pace, also many at once, and unknown ones alike', async () => {
    await using hub = new TestHub();
    await hub.people('alice');
    const { accounts } = hub.services;
    for (const name of ['alice', 'nobody']) {
      const guesses = Array.from({ length: 20 }, (_, index) =>
        accounts.authenticate(name, `guess number ${index}`, { address: '192.0.2.7' }),
      );
      const kinds = (await Promise.allSettled(guesses)).map(result =>
        result.status === 'rejected' ? (result.reason as { kind: string }).kind : 'in',
      );
      assert.deepEqual(
        [
          kinds.filter(kind => kind === 'unauthorized').length,
          kinds.filter(kind => kind === 'unavailable').length,
        ],
        [5, 15],
        name,
      );
    }
    await assert.rejects(accounts.authenticate('alice', PASSWORD, { address: '192.0.2.7' }), {
      kind: 'unavailable',
    });
    assert.ok(await accounts.authenticate('alice', PASSWORD, from), 'elsewhere she can');
    hub.now += 60_000;
    assert.ok(
      await accounts.authenticate('alice', PASSWORD, { address: '192.0.2.7' }),
      'and there in a while',
    );
  });

  test('sign in many times at once with the right password', async () => {
    await using hub = new TestHub();
    await hub.people('alice');
    await Promise.all(
      Array.from({ length: 40 }, () => hub.services.accounts.authenticate('alice', PASSWORD, from)),
    );
  });

  test('keep an administrator', async () => {
    await using hub = new TestHub();
    const { admin, alice } = await hub.people('alice');
    const { accounts } = hub.services;
    for (const change of [{ isAdmin: false }, { isDisabled: true }]) {
      assert.throws(() => accounts.update(admin, admin.name, change), { kind: 'conflict' });
    }
    assert.ok(accounts.find(admin.name)?.isAdmin, 'nothing has changed');
    assert.throws(() => accounts.update(alice, 'alice', { isAdmin: true }), { kind: 'forbidden' });
    assert.throws(() => accounts.update(alice, admin.name, { fullName: 'Mallory' }), { kind: 'forbidden' });
    assert.equal(
      accounts.update(alice, 'alice', { fullName: 'Alice\r\nX-Evil: 1\u202e' }).fullName,
      'Alice  X-Evil: 1',
    );
    accounts.update(admin, 'alice', { isAdmin: true });
    accounts.update(admin, admin.name, { isDisabled: true });
    assert.throws(() => accounts.list(admin), { kind: 'unauthorized' });
    assert.deepEqual(
      accounts.list(alice, { pageSize: 1, page: 2 }).items.map(({ name }) => name),
      ['root-admin'],
    );
  });

  test('change their password with the old one, which ends other sessions', async () => {
    await using hub = new TestHub();
    const { admin, alice, bob } = await hub.people('alice', 'bob');
    const { accounts, sessions } = hub.services;
    const [kept, other] = [sessions.begin(alice), sessions.begin(alice)];
    const password = 'a whole new world';
    await assert.rejects(accounts.changePassword(alice, 'alice', { password }), { kind: 'invalid' });
    await assert.rejects(accounts.changePassword(alice, 'alice', { current: 'not that one', password }), {
      kind: 'forbidden',
    });
    await assert.rejects(accounts.changePassword(bob, 'alice', { current: PASSWORD, password }), {
      kind: 'forbidden',
    });
    await assert.rejects(accounts.changePassword(alice, 'alice', { current: PASSWORD, password: 'alice' }), {
      kind: 'invalid',
    });
    await accounts.authenticate('alice', PASSWORD, from); // it is remembered now
    await accounts.changePassword(alice, 'alice', { current: PASSWORD, password, keepSession: kept });
    assert.equal(sessions.find(kept)?.name, 'alice');
    assert.equal(sessions.find(other), undefined);
    await assert.rejects(accounts.authenticate('alice', PASSWORD, from), { kind: 'unauthorized' });
    await accounts.authenticate('alice', password, from);
    await accounts.changePassword(admin, 'alice', { password: PASSWORD });
    assert.equal(sessions.find(kept), undefined);
  });
});

describe('sessions', () => {
  test('are found by their cookie until they end, are not used for long, or the account is disabled', async () => {
    await using hub = new TestHub();
    const { admin, alice } = await hub.people('alice');
    const { accounts, sessions } = hub.services;
    const cookie = sessions.begin(alice);
    assert.match(cookie, /^qhs_[\w-]{43}$/);
    assert.equal(sessions.find(cookie)?.name, 'alice');
    for (const wrong of ['', 'qhs_', `${cookie}x`, 'x'.repeat(1e6)])
      assert.equal(sessions.find(wrong), undefined);
    const stored = hub.db.all('SELECT hash FROM hub_sessions').map(row => String(row['hash']));
    assert.ok(stored.length === 1 && !stored.includes(cookie), 'the database does not have it');
    sessions.end(cookie);
    assert.equal(sessions.find(cookie), undefined);

    const idle = sessions.begin(alice);
    hub.now += 6 * 86_400_000;
    assert.ok(sessions.find(idle));
    hub.now += 6 * 86_400_000;
    assert.ok(sessions.find(idle), 'it was used');
    hub.now += 8 * 86_400_000;
    assert.equal(sessions.find(idle), undefined);

    const last = sessions.begin(alice);
    accounts.update(admin, 'alice', { isDisabled: true });
    assert.equal(sessions.find(last), undefined);
    accounts.update(admin, 'alice', { isDisabled: false });
    assert.equal(sessions.find(last), undefined, 'it does not come back');
  });

  test('are bounded for each account; the one used longest ago goes', async () => {
    await using hub = new TestHub();
    const { alice } = await hub.people('alice');
    const cookies = Array.from({ length: 60 }, () => {
      hub.now += 1000;
      return hub.services.sessions.begin(alice);
    });
    const alive = cookies.filter(cookie => hub.services.sessions.find(cookie) !== undefined);
    assert.deepEqual(alive, cookies.slice(-50));
  });
});

describe('access tokens', () => {
  test('stand for the password, with their permission, until they expire or are removed', async () => {
    await using hub = new TestHub();
    const { alice, bob } = await hub.people('alice', 'bob');
    const { accounts, accessTokens } = hub.services;
    const { token, secret } = accessTokens.create(alice, {
      label: 'ci\r\nX: y',
      permission: 'read',
      expiresAt: hub.now + 1000,
    });
    assert.match(secret, /^qhp_[\w-]{43}$/);
    assert.equal(token.label, 'ci  X: y');
    assert.ok(!JSON.stringify(hub.db.all('SELECT * FROM hub_access_tokens')).includes(secret.slice(4)));
    assert.deepEqual(await accounts.authenticate('alice', secret, from), {
      account: alice,
      permission: 'read',
      tokenId: token.id,
    });
    assert.equal(accessTokens.list(alice)[0]?.usedAt, hub.now);
    await assert.rejects(accounts.authenticate('bob', secret, from), { kind: 'unauthorized' });
    assert.throws(() => accessTokens.revoke(bob, token.id), { kind: 'notFound' });
    assert.deepEqual(accessTokens.list(bob), []);
    hub.now += 1000;
    await assert.rejects(accounts.authenticate('alice', secret, from), { kind: 'unauthorized' });
    const lasting = accessTokens.create(alice, { label: 'two', permission: 'admin' });
    accessTokens.revoke(alice, lasting.token.id);
    await assert.rejects(accounts.authenticate('alice', lasting.secret, from), { kind: 'unauthorized' });
    assert.throws(() => accessTokens.create(alice, { label: ' \n', permission: 'read' }), {
      kind: 'invalid',
    });
    assert.throws(
      () => accessTokens.create(alice, { label: 'x', permission: 'read', expiresAt: Number.NaN }),
      {
        kind: 'invalid',
      },
    );
    assert.throws(() => accessTokens.create(undefined, { label: 'x', permission: 'read' }), {
      kind: 'unauthorized',
    });
  });

  test('work while somebody guesses the password', async () => {
    await using hub = new TestHub();
    const { alice } = await hub.people('alice');
    const { accounts, accessTokens } = hub.services;
    const { secret } = accessTokens.create(alice, { label: 'ci', permission: 'write' });
    for (let guess = 0; guess < 6; guess += 1) {
      await assert.rejects(accounts.authenticate('alice', `guess number ${guess}`, from));
    }
    assert.equal((await accounts.authenticate('alice', secret, from)).permission, 'write');
  });

  test('that are refused are in the log, but not what anybody makes up', async () => {
    const lines: string[] = [];
    const info = (message: string): void => void lines.push(message);
    await using hub = new TestHub({}, { ...silentLogger, info });
    const { alice } = await hub.people('alice');
    const { accounts, accessTokens } = hub.services;
    const { secret } = accessTokens.create(alice, {
      label: 'ci',
      permission: 'read',
      expiresAt: hub.now + 1000,
    });
    hub.now += 2000;
    lines.length = 0;
    for (const tried of [secret, 'qhp_made-up', 'qhp_made-up-too']) {
      await assert.rejects(accounts.authenticate('alice', tried, from), { kind: 'unauthorized' });
    }
    assert.deepEqual(lines, ['access token refused']);
  });
});
