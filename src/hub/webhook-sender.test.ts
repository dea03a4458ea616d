import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { hubTables } from './hub-tables.ts';
import { type PostOutcome, postSigned, type SignedMessage } from './signed-post.ts';
import { TestHub } from './test-hub.ts';
import { WebhookSender } from './webhook-sender.ts';

const DELIVERED: PostOutcome = { isDelivered: true, mayTryAgain: false, text: 'status 200' };
const BUSY: PostOutcome = { isDelivered: false, mayTryAgain: true, text: 'status 503' };
const GONE: PostOutcome = { isDelivered: false, mayTryAgain: false, text: 'status 410' };

async function withHooks(...names: readonly string[]) {
  const hub = new TestHub();
  const { alice, bobby } = await hub.people('alice', 'bobby');
  hub.services.repositories.create(alice, { name: 'alice/app', description: 'An app' });
  for (const name of names) {
    hub.services.webhooks.create(alice, 'alice/app', { name, url: `https://${name}.example.com/` });
  }
  await hub.hub[Symbol.asyncDispose](); // its own sender would use the network
  const sent: SignedMessage[] = [];
  const answers = new Map<string, PostOutcome | Promise<PostOutcome>>();
  const open = (): WebhookSender =>
    new WebhookSender({
      ...hubTables(hub.db),
      publicUrl: 'http://hub.test',
      mayBePrivate: false,
      now: () => hub.now,
      logger: silentLogger,
      post: async message => {
        sent.push(message);
        return await (answers.get(new URL(message.url).hostname.split('.')[0] ?? '') ?? DELIVERED);
      },
    });
  const push = (sender: WebhookSender, tag = 'latest', repository = 'alice/app'): void => {
    const digest = `sha256:${'0'.repeat(64)}` as const;
    sender.pushed({ type: 'push', repository, tag, digest, account: 'alice', at: hub.now });
  };
  const status = (name: string): string | undefined =>
    hub.services.webhooks.list(alice, 'alice/app').find(hook => hook.name === name)?.lastStatus;
  return { hub, bobby, open, push, sent, answers, status };
}

describe('webhooks', () => {
  test('are told of a push in the shape of Docker Hub', async () => {
    const { hub, open, push, sent, status } = await withHooks('ci');
    await using _hub = hub;
    await using sender = open();
    push(sender);
    await sender.sendDue();
    const [message] = sent;
    assert.ok(sent.length === 1 && message);
    assert.match(message.secret, /^qhw_/);
    const { push_data: pushed, repository } = JSON.parse(message.body) as Record<
      string,
      Record<string, unknown>
    >;
    assert.deepEqual(pushed, { pushed_at: hub.now / 1000, pusher: 'alice', tag: 'latest', images: [] });
    assert.deepEqual(
      [
        repository?.['repo_name'],
        repository?.['name'],
        repository?.['namespace'],
        repository?.['description'],
      ],
      ['alice/app', 'app', 'alice', 'An app'],
    );
    assert.equal(status('ci'), 'delivered: status 200');
    await sender.sendDue();
    assert.equal(sent.length, 1, 'once');
  });

  test('are tried again, later each time, and given up in the end; a restart forgets none', async () => {
    const { hub, open, push, sent, answers, status } = await withHooks('ci');
    await using _hub = hub;
    answers.set('ci', BUSY);
    const waits = [];
    {
      await using sender = open();
      push(sender);
      await sender.sendDue();
      assert.equal(status('ci'), 'failed: status 503; tried again in 10 s');
    }
    await using sender = open();
    for (let attempt = 1; attempt < 6; attempt += 1) {
      let waited = 0;
      while (sent.length === attempt && waited < 10_000) {
        hub.now += 1000;
        waited += 1;
        await sender.sendDue();
      }
      waits.push(waited);
    }
    assert.deepEqual(waits, [10, 60, 300, 1800, 7200]);
    assert.equal(status('ci'), 'given up: status 503');
    hub.now += 1e9;
    await sender.sendDue();
    assert.equal(sent.length, 6);
  });

  test('that say they are gone are not asked again', async () => {
    const { hub, open, push, sent, answers, status } = await withHooks('ci');
    await using _hub = hub;
    answers.set('ci', GONE);
    await using sender = open();
    push(sender);
    await sender.sendDue();
    hub.now += 1e9;
    await sender.sendDue();
    assert.deepEqual([sent.length, status('ci')], [1, 'given up: status 410']);
  });

  test('of one owner, however many hang, leave room in the queue for those of others', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `hook${index}`);
    const { hub, bobby, open, push } = await withHooks(...names);
    await using _hub = hub;
    hub.services.repositories.create(bobby, { name: 'bobby/app' });
    const { id } = hub.services.webhooks.create(bobby, 'bobby/app', {
      name: 'ci',
      url: 'https://ci.example.com/',
    });
    await using sender = open();
    for (let index = 0; index < 50; index += 1) push(sender, `tag${index}`);
    push(sender, 'latest', 'bobby/app');
    assert.equal(hubTables(hub.db).webhooks.countDeliveries(id), 1);
    await sender.sendDue();
  });

  test('that hang keep no others waiting, and their queue is bounded', async () => {
    const { hub, open, push, sent, answers, status } = await withHooks('slow', 'quick');
    await using _hub = hub;
    const { promise, resolve } = Promise.withResolvers<PostOutcome>();
    answers.set('slow', promise);
    await using sender = open();
    push(sender, 'one');
    const sending = sender.sendDue();
    for (let index = 0; index < 60; index += 1) push(sender, `tag${index}`);
    const quick = (): number => sent.filter(({ url }) => url.includes('quick')).length;
    while (quick() < 50) await new Promise(done => setImmediate(done));
    assert.equal(sent.filter(({ url }) => url.includes('slow')).length, 1);
    assert.equal(status('slow'), 'dropped: too many are waiting');
    resolve(GONE);
    await sending;
  });
});

describe('postSigned()', () => {
  const message = { id: 1, secret: 'qhw_x', body: '{}' };
  const options = { mayBePrivate: false, signal: new AbortController().signal };

  test('goes to no address of this machine, of its network, or of a cloud', async () => {
    const hosts = [
      '127.0.0.1',
      '[::1]',
      '10.0.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
    ];
    hosts.push('localhost', '2130706433', '0x7f.1', '[fd00::1]');
    for (const host of hosts) {
      const outcome = await postSigned({ ...message, url: `http://${host}:1/` }, options);
      assert.equal(outcome.text, 'the name does not lead to a public address', host);
      assert.equal(outcome.mayTryAgain, false);
    }
    const cloud = await postSigned(
      { ...message, url: 'http://169.254.169.254/' },
      { ...options, mayBePrivate: true },
    );
    assert.equal(
      cloud.text,
      'the name does not lead to a public address',
      'not even where private ones are allowed',
    );
  });

  test('names no address where it fails, for who made the webhook may not know it', async () => {
    const outcome = await postSigned(
      { ...message, url: 'http://127.0.0.1:1/' },
      { ...options, mayBePrivate: true },
    );
    assert.deepEqual(outcome, {
      isDelivered: false,
      mayTryAgain: true,
      text: 'no connection (ECONNREFUSED)',
    });
  });
});

test('a webhook has a name and a URL that may lead there', async () => {
  await using hub = new TestHub();
  const { alice } = await hub.people('alice');
  hub.services.repositories.create(alice, { name: 'alice/app' });
  const { webhooks } = hub.services;
  const bad = [
    'ftp://example.com',
    'javascript:alert(1)',
    'nonsense',
    '',
    `https://example.com/${'x'.repeat(2000)}`,
  ];
  bad.push(
    'https://user:pass@example.com',
    'http://127.0.0.1/',
    'http://[::1]/',
    'http://169.254.169.254/',
    'http://10.1/',
  );
  for (const url of bad) {
    assert.throws(() => webhooks.create(alice, 'alice/app', { name: 'ci', url }), { kind: 'invalid' }, url);
  }
  for (let index = 0; index < 20; index += 1) {
    webhooks.create(alice, 'alice/app', { name: `hook ${index}`, url: 'https://example.com' });
  }
  assert.throws(() => webhooks.create(alice, 'alice/app', { name: 'one more', url: 'https://example.com' }), {
    kind: 'conflict',
  });
});
