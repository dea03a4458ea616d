import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GitFetcher, type GitFetchOptions } from '#build/git-fetcher';
import type { HostLookup } from '#build/pinned-hosts';
import { UrlFetcher } from '#build/url-fetcher';
import { HttpClient } from '#distribution/http-client';
import { TlsSettingsSource } from '#distribution/tls-settings';
import { parseGitAddress } from '#spec/dockerfile/git-address';
import { JailPool } from '#store/jail-pool';
import { ProgramJail } from '#store/program-jail';
import { gitMissing, startGitServer } from '../../support/git-server.ts';
import { rootMissing } from '../../support/image-engine.ts';

const CRUN = '/usr/bin/crun';
const skip = rootMissing() || gitMissing || (existsSync(CRUN) ? false : 'crun is not installed');
const FOREVER = new AbortController().signal;

interface Fetched {
  readonly commit: string;
  readonly names: string[];
  readonly read: (path: string) => string;
  readonly has: (path: string) => boolean;
}

/** A fetcher, and a server to fetch from; at its end nothing of either is left. */
async function prepare(limits: { readonly maxBytes?: number; readonly lookup?: HostLookup } = {}) {
  const server = await startGitServer();
  const folder = mkdtempSync(join(tmpdir(), 'quai-fetch-'));
  const fetched = join(folder, 'fetched');
  const jail = new ProgramJail({ crun: CRUN, folder: join(folder, 'jails') });
  const trees = new JailPool({ size: 1 });
  const http = new HttpClient({ proxies: {}, userAgent: 'test', http2: false });
  const redirects = new UrlFetcher({ http, tls: new TlsSettingsSource([]), folder: join(folder, 'urls') });
  const fetcher = new GitFetcher({ jail, proxies: {}, redirects, trees, folder: fetched, ...limits });
  const withTree = async <T>(
    address: string,
    look: (tree: Fetched) => T,
    options: Partial<GitFetchOptions> = {},
  ): Promise<T> => {
    await using tree = await fetcher.fetch(parseGitAddress(address), { signal: FOREVER, ...options });
    return look({
      commit: tree.commit,
      names: readdirSync(tree.path).toSorted(),
      read: path => readFileSync(join(tree.path, path), 'utf8'),
      has: path => existsSync(join(tree.path, path)),
    });
  };
  return {
    server,
    folder,
    trees,
    redirects,
    withTree,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await trees[Symbol.asyncDispose]();
      http[Symbol.dispose]();
      assert.deepEqual(existsSync(fetched) ? readdirSync(fetched) : [], []);
      assert.deepEqual(readdirSync(join(folder, 'jails')), ['state']);
      rmSync(folder, { recursive: true });
    },
  };
}

test('a repository by branch, tag, commit, and folder', { skip }, async () => {
  await using it = await prepare();
  const repository = it.server.repository('app');
  const first = repository.commit({
    Dockerfile: 'FROM scratch\n',
    'docker/app/Dockerfile': 'FROM one\n',
    'run.sh': 'x',
  });
  repository.git('tag', '-a', 'v1', '-m', 'one');
  const second = repository.commit({ Dockerfile: 'FROM two\n', link: '-> run.sh' });
  repository.git('checkout', '--quiet', '-b', 'feature/x');
  const third = repository.commit({ Dockerfile: 'FROM three\n' });
  const { url } = repository;

  for (const [suffix, commit, content] of [
    ['', second, 'FROM two\n'],
    ['#v1', first, 'FROM scratch\n'],
    ['#feature/x', third, 'FROM three\n'],
    ['#refs/heads/feature/x', third, 'FROM three\n'],
    [`#${first}`, first, 'FROM scratch\n'],
    [`#${first.slice(0, 9)}`, first, 'FROM scratch\n'],
    ['?tag=v1', first, 'FROM scratch\n'],
    [`?branch=feature/x&commit=${third.slice(0, 12)}`, third, 'FROM three\n'],
    [`?commit=${second}`, second, 'FROM two\n'],
  ] as const) {
    await it.withTree(url + suffix, tree => {
      assert.equal(tree.commit, commit, suffix);
      assert.equal(tree.read('Dockerfile'), content, suffix);
      assert.ok(!tree.has('.git'), suffix);
    });
  }
  await it.withTree(`${url}#v1:docker/app`, tree => assert.deepEqual(tree.names, ['Dockerfile']));
  await it.withTree(`${it.server.gitUrl}/app.git#v1`, tree => assert.equal(tree.commit, first));
});

test('files have the modes that git keeps, and links stay links', { skip }, async () => {
  await using it = await prepare();
  const repository = it.server.repository('modes');
  repository.commit({ plain: 'a', run: 'b', link: '-> /etc/passwd' });
  repository.git('update-index', '--chmod=+x', 'run');
  repository.git('commit', '--quiet', '-m', 'x');
  repository.git('push', '--quiet', 'origin', 'HEAD');
  const fetcher = new GitFetcher({
    jail: new ProgramJail({ crun: CRUN, folder: join(it.folder, 'jails') }),
    proxies: {},
    redirects: it.redirects,
    trees: it.trees,
    folder: join(it.folder, 'other'),
  });
  await using tree = await fetcher.fetch(parseGitAddress(repository.url), { signal: FOREVER });
  const mode = (name: string): number => lstatSync(join(tree.path, name)).mode & 0o777;
  assert.deepEqual([mode('plain'), mode('run')], [0o644, 0o755]);
  assert.ok(lstatSync(join(tree.path, 'link')).isSymbolicLink());
});

test('.git stays where it is asked for, without the password of the address', { skip }, async () => {
  await using it = await prepare();
  const repository = it.server.repository('kept');
  const commit = repository.commit({ a: '1' });
  const address = repository.url.replace('http://', 'http://user:secret@');
  const keepGitDir = true;
  await it.withTree(
    address,
    tree => {
      assert.equal(tree.read('.git/HEAD').trim(), commit);
      assert.doesNotMatch(tree.read('.git/config') + tree.read('.git/FETCH_HEAD'), /secret/);
      assert.match(tree.read('.git/config'), /url = http:\/\/127\.0\.0\.1/);
      assert.ok(!tree.has('.git/hooks'));
    },
    { keepGitDir },
  );
});

test('submodules come along, by relative addresses too, and can be left out', { skip }, async () => {
  await using it = await prepare();
  const inner = it.server.repository('inner');
  inner.commit({ deep: 'inner' });
  const middle = it.server.repository('middle');
  middle.commit({ m: 'middle' });
  addSubmodule(middle, inner, '../inner.git', 'lib/inner');
  const outer = it.server.repository('outer');
  outer.commit({ o: 'outer' });
  addSubmodule(outer, middle, middle.url, 'mid');
  await it.withTree(outer.url, tree => {
    assert.deepEqual(tree.names, ['.gitmodules', 'mid', 'o']);
    assert.equal(tree.read('mid/m'), 'middle');
    assert.equal(tree.read('mid/lib/inner/deep'), 'inner');
    assert.ok(!tree.has('mid/.git') && !tree.has('mid/lib/inner/.git'));
  });
  await it.withTree(`${outer.url}?submodules=false`, tree => assert.ok(!tree.has('mid/m')));
});

type Repository = ReturnType<Awaited<ReturnType<typeof startGitServer>>['repository']>;

test('a name is looked up once: git connects to what was checked, whatever the name means a moment later', {
  skip,
}, async () => {
  const asked: string[] = [];
  const lookup: HostLookup = async host => {
    asked.push(host);
    if (host === 'gone.test') throw new Error('SERVFAIL');
    return ['127.0.0.1'];
  };
  await using it = await prepare({ lookup });
  const inner = it.server.repository('inner');
  inner.commit({ f: 'inner' });
  const { port } = new URL(inner.url);
  const middle = it.server.repository('middle');
  addSubmodule(middle, inner, `http://sub.test:${port}/inner.git`, 'in');
  const outer = it.server.repository('outer');
  addSubmodule(outer, middle, `http://SUB.test.:${port}/middle.git`, 'mid');
  // No resolver knows these names: git has their addresses from us.
  await it.withTree(`http://root.test:${port}/outer.git`, tree =>
    assert.equal(tree.read('mid/in/f'), 'inner'),
  );
  assert.deepEqual(asked, ['root.test', 'sub.test']);

  // Nobody has looked where it is: git must not, either.
  addSubmodule(middle, inner, `http://gone.test:${port}/inner.git`, 'in');
  addSubmodule(outer, middle, `http://sub.test:${port}/middle.git`, 'mid');
  await assert.rejects(
    it.withTree(`http://root.test:${port}/outer.git`, () => undefined),
    { kind: 'unavailable', message: /Could not resolve host: gone\.test/ },
  );
  await assert.rejects(
    it.withTree(`http://gone.test:${port}/outer.git`, () => undefined),
    { kind: 'unavailable', message: /Could not resolve host: gone\.test/ },
  );
});

/** As git-submodule(1) leaves it, with any address. */
function addSubmodule(into: Repository, module: Repository, url: string, path: string): void {
  const commit = module.git('rev-parse', 'HEAD');
  into.commit({ '.gitmodules': `[submodule "x"]\n\tpath = ${path}\n\turl = ${url}\n` });
  into.git('update-index', '--add', '--cacheinfo', `160000,${commit},${path}`);
  into.git('commit', '--quiet', '-m', 'submodule');
  into.git('push', '--quiet', 'origin', 'HEAD');
}

test('what is not there is told in words', { skip }, async () => {
  await using it = await prepare();
  const repository = it.server.repository('small');
  const commit = repository.commit({ a: '1' });
  const { url } = repository;
  for (const [address, kind, message] of [
    [`${url}#nosuch`, 'invalid', /has no branch, tag or commit "nosuch"/],
    [`${url}#${'0'.repeat(40)}`, 'invalid', /has no branch, tag or commit "0{40}"/],
    [`${url}#main:no/such`, 'invalid', /"no\/such" is not a folder of the repository/],
    [`${url}#main:a`, 'invalid', /"a" is not a folder of the repository/],
    [
      `${url}?branch=main&commit=abcdef1`,
      'invalid',
      new RegExp(`expected checksum to match abcdef1, got ${commit}`),
    ],
    [`${it.server.gitUrl}/none.git`, 'invalid', /there is no git repository at git:/],
    ['git://127.0.0.1:1/x', 'unavailable', /cannot reach git:\/\/127\.0\.0\.1:1\/x/],
    [`${it.server.url}/none.git`, 'invalid', /there is no git repository at http:/],
    ['http://127.0.0.1:1/x.git', 'unavailable', /cannot reach http:\/\/127\.0\.0\.1:1\/x\.git/],
    ['git@127.0.0.1:x.git', 'notImplemented', /over SSH: the engine has no keys of yours/],
  ] as const) {
    await assert.rejects(
      it.withTree(address, () => undefined),
      { kind, message },
      address,
    );
  }
});

test('redirects are followed to repositories, and not to where their server must not lead', {
  skip,
}, async () => {
  await using it = await prepare();
  const repository = it.server.repository('here');
  repository.commit({ a: '1' });
  const targets: Readonly<Record<string, string>> = {
    '/moved.git/': repository.url,
    '/inside.git/': 'http://169.254.169.254/x.git',
  };
  const moved = createHttpServer(({ url = '' }, response) => {
    const [from = '', to = ''] = Object.entries(targets).find(([path]) => url.startsWith(path)) ?? [];
    response.writeHead(302, { location: `${to}${url.slice(from.length - 1)}` }).end();
  });
  moved.listen(0, '127.0.0.1');
  await once(moved, 'listening');
  const own = `http://127.0.0.1:${(moved.address() as AddressInfo).port}`;
  try {
    await it.withTree(`${own}/moved.git`, ({ read }) => assert.equal(read('a'), '1'));
    await assert.rejects(
      it.withTree(`${own}/inside.git`, () => undefined),
      /169\.254\.169\.254.*not a public address/,
    );
  } finally {
    moved.close();
    moved.closeAllConnections();
  }
});

test('a hostile repository gets nowhere', { skip }, async t => {
  await using it = await prepare({ maxBytes: 30 * 1024 ** 2 });
  const target = it.server.repository('target');
  target.commit({ secret: 'x' });

  await t.test('a folder that is a link is none', async () => {
    const repository = it.server.repository('linked');
    repository.commit({ out: '-> /etc', 'in/here': 'x', inside: '-> in' });
    for (const folder of ['out', 'inside', 'out/ssl'])
      await assert.rejects(
        it.withTree(`${repository.url}#main:${folder}`, () => undefined),
        /is not a folder of the/,
      );
  });

  for (const [name, url, message] of [
    ['file', 'file:///etc', /invalid git address file:\/\/\/etc/],
    ['path', '/etc', /invalid git address \/etc/],
    ['ext', 'ext::sh -c "touch /work/owned"', /invalid git address/],
    ['option', '--upload-pack=touch', /invalid git address|cannot fetch/],
    ['protocol', 'git://127.0.0.1/x', /by another protocol than its repository/],
    ['metadata', 'http://169.254.169.254/x.git', /which is not a public address/],
  ] as const) {
    await t.test(`a submodule by ${name}`, async () => {
      const repository = it.server.repository(`sub-${name}`);
      repository.commit({ a: '1' });
      addSubmodule(repository, target, url, 'sub');
      await assert.rejects(
        it.withTree(repository.url, () => undefined),
        message,
      );
    });
  }

  await t.test('a repository that is too large', async () => {
    const repository = it.server.repository('large');
    repository.commit(
      Object.fromEntries(
        Array.from({ length: 300 }, (_, index) => [`f${index}`, `${index}`.repeat(100_000)]),
      ),
    );
    await assert.rejects(
      it.withTree(repository.url, () => undefined),
      { kind: 'invalid', message: /more than 31457280 bytes/ },
    );
  });

  await t.test('a server that never answers, and a client that leaves', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise(resolve => silent.once('listening', resolve));
    const place = silent.address();
    assert.ok(place && typeof place === 'object');
    const gone = new AbortController();
    silent.once('connection', () => gone.abort());
    const address = `http://127.0.0.1:${place.port}/x.git`;
    await assert.rejects(
      it.withTree(address, () => undefined, { signal: gone.signal }),
      { kind: 'cancelled' },
    );
    silent.close();
  });
});
