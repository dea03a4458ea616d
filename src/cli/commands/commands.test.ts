import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ConnectionError } from '#client/api-error';
import type { FakeRoutes } from '#client/fake-transport';
import { parseJson } from '#client/json';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { frame, quai } from '../fake-cli.ts';

test('exec whose engine goes away says that the command runs on, and ends with 125', async () => {
  const { status, err } = await quai('exec web sleep 9', {
    'POST /containers/web/exec': { status: 201, body: { Id: 'e1' } },
    'POST /exec/e1/start': {},
    'GET /exec/e1/json': () => {
      throw new ConnectionError('unix:///x', 'ECONNREFUSED');
    },
  });
  assert.equal(status, 125);
  assert.match(err, /^lost the connection to the engine while the command ran in container web; it runs on/);
  assert.match(err, /\n.+ {2}quai top web\n$/);
});

test('volume schedule: when the next one is due, and removal by ID alone', async () => {
  const schedule = { ID: 'a1', Volume: 'data', Schedule: '@daily', Directory: '/srv' };
  const times = { NextRun: '2026-01-02T03:00:00.000Z', LastRun: '2026-01-01T23:58:00.000Z' };
  const routes = {
    'GET /quai/volume-schedules': { body: { Schedules: [{ ...schedule, ...times }] } },
    'DELETE /quai/volume-schedules/a1': { status: 204 },
  };
  const { out } = await quai('volume schedule', routes);
  assert.match(out, /\na1 +data +@daily +\/srv +in 3 hours +2 minutes ago *\n$/);
  const removed = await quai('volume schedule --remove a1', routes);
  assert.deepEqual([removed.status, removed.out], [0, 'a1\n']);
});

test('cp into a container that is not there says so, not that a directory is missing', async () => {
  const missing = { status: 404, body: { message: 'No such container: nosuch' } };
  const { status, err } = await quai(['cp', import.meta.filename, 'nosuch:/'], {
    'HEAD /containers/nosuch/archive': { status: 404 },
    'GET /containers/nosuch/json': missing,
  });
  assert.deepEqual([status, err], [1, 'Error response from daemon: No such container: nosuch\n']);
  const there = await quai(['cp', import.meta.filename, 'web:/nope/'], {
    'HEAD /containers/web/archive': { status: 404 },
    'GET /containers/web/json': { body: {} },
  });
  assert.deepEqual([there.status, there.err], [1, 'no such directory\n']);
});

test('exec --env-file that is not there ends with 1, as with Docker', async () => {
  const { status, err } = await quai('exec --env-file /nonexistent/env web true');
  assert.deepEqual([status, err], [1, 'open /nonexistent/env: no such file or directory\n']);
});

test('exec ends as its command did', async () => {
  const routes: FakeRoutes = {
    'POST /containers/web/exec': { status: 201, body: { Id: 'e1' } },
    'POST /exec/e1/start': { body: frame(1, 'hi\n') },
    'GET /exec/e1/json': { body: { Running: false, ExitCode: 5 } },
  };
  const { status, out, engine } = await quai('exec -e A=1 web echo -n hi', routes);
  assert.deepEqual([status, out], [5, 'hi\n']);
  const body = parseJson(engine.seen[0]?.body ?? '');
  assert.deepEqual(body, {
    User: '',
    Privileged: false,
    Tty: false,
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    DetachKeys: '',
    Env: ['A=1'],
    WorkingDir: '',
    Cmd: ['echo', '-n', 'hi'],
  });
});

test('several names are worked on one by one, and one failure decides the status', async () => {
  const { status, out, err } = await quai('stop -t 0 a b c', {
    'POST /containers/a/stop': { status: 204 },
    'POST /containers/b/stop': { status: 404, body: { message: 'No such container: b' } },
    'POST /containers/c/stop': { status: 304 },
  });
  assert.deepEqual([status, out, err], [1, 'a\nc\n', 'Error response from daemon: No such container: b\n']);
});

test('rm of a container that is not there fails, but with --force only says so', async () => {
  const routes: FakeRoutes = {
    'DELETE /containers/web': { status: 204 },
    'DELETE /containers/nope': { status: 404, body: { message: 'No such container: nope' } },
    'DELETE /containers/busy': { status: 409, body: { message: 'being removed' } },
  };
  const { status, out, err } = await quai('rm -f nope web', routes);
  assert.deepEqual([status, out, err], [0, 'web\n', 'Error response from daemon: No such container: nope\n']);
  assert.equal((await quai('rm nope', routes)).status, 1);
  assert.equal((await quai('rm -f busy', routes)).status, 1);
});

test('an option after the image is told once, with the verb that was used', async () => {
  const Warnings = ['"--name" stands after the image and is passed to the container', 'no swap limit'];
  const { err } = await quai('create hello --name late', {
    'POST /containers/create': { status: 201, body: { Id: 'c1', Warnings } },
  });
  assert.match(err, /^Note: "--name late" .+\n +Options of create come first: .+\nWARNING: no swap limit\n$/);
});

test('a registry that wants credentials is told how to log in to', async () => {
  const refusal = {
    body: '{"errorDetail":{"message":"no basic auth credentials"},"error":"no basic auth credentials"}',
  };
  const said = 'no basic auth credentials\nThe registry wants to know who asks: quai login reg:5000\n';
  const pushed = await quai('push -q reg:5000/a', { 'POST /images/reg%3A5000%2Fa/push': refusal });
  assert.deepEqual([pushed.status, pushed.err], [1, said]);
  const pulled = await quai('pull -q reg:5000/a', {
    'POST /images/create': { status: 500, body: { message: 'no basic auth credentials' } },
  });
  assert.deepEqual([pulled.status, pulled.err], [1, `Error response from daemon: ${said}`]);
});

test('start names those that failed at the end', async () => {
  const { status, err } = await quai('start a b', {});
  assert.equal(status, 1);
  assert.match(err, /\nError: failed to start containers: a, b\n$/);
});

test('inspect looks for the name in every kind, prints one list, and fails for what is nowhere', async () => {
  const routes: FakeRoutes = {
    'GET /images/busybox/json': { body: '{"Id":"sha256:1","Size":9223372036854775807}' },
    'GET /containers/web/json': { body: '{"Id":"c","State":{"Status":"running"}}' },
  };
  const { status, out, err } = await quai('inspect web nope busybox', routes);
  assert.equal(status, 1);
  assert.equal(err, 'Error: No such object: nope\n');
  assert.equal(
    out,
    '[\n    {\n        "Id": "c",\n        "State": {\n            "Status": "running"\n        }\n    },\n    {\n        "Id": "sha256:1",\n        "Size": 9223372036854775807\n    }\n]\n',
  );
  assert.equal((await quai(['inspect', '-f', '{{.State.Status}}', 'web'], routes)).out, 'running\n');
  assert.equal((await quai('inspect nope', routes)).out, '[]\n');
});

test('load sends stdin or a file, and shows what was loaded', async () => {
  const routes = {
    'HEAD /_ping': {},
    'POST /images/load': {
      body: '{"stream":"Loaded image: a:1\\n"}\n',
      headers: { 'content-type': 'application/json' },
    },
  };
  const { out, engine } = await quai('load', routes, { input: 'the archive' });
  assert.deepEqual([out, engine.seen[1]?.body], ['Loaded image: a:1\n', 'the archive']);
  const missing = await quai('load -i /nonexistent.tar', routes);
  assert.deepEqual(
    [missing.status, missing.err, missing.engine.log],
    [1, 'open /nonexistent.tar: no such file or directory\n', []],
  );
});

test('import points to load for an archive that save made', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quai-import-'));
  try {
    const file = path.join(folder, 'saved.tar');
    writeFileSync(file, Buffer.concat(['manifest.json', 'repositories', ''].map(tarHeader)));
    const { status, err, engine } = await quai(['import', file]);
    assert.deepEqual(
      [status, err],
      [1, `${file} is an archive of images, made by save; load it: quai load -i ${file}\n`],
    );
    assert.deepEqual(engine.log, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function tarHeader(name: string): Buffer {
  const header = Buffer.alloc(512);
  if (name) {
    header.write(name, 0);
    header.write('00000000000', 124);
    header.write('ustar', 257);
  }
  return header;
}

test('events are printed as they come', async () => {
  const body =
    '{"Type":"container","Action":"die","Actor":{"ID":"c","Attributes":{"exitCode":"1"}},"timeNano":1767366245123456789}\n';
  const routes = { 'GET /events': { body } };
  assert.match(
    (await quai('events --until 1', routes)).out,
    /\.123456789\S+ container die c \(exitCode=1\)\n$/,
  );
  assert.equal(
    (await quai(['events', '--format', '{{.Action}} {{.timeNano}}'], routes)).out,
    'die 1767366245123456789\n',
  );
});

test('prune asks first, and takes silence for a no', async () => {
  const routes = { 'POST /containers/prune': { body: { ContainersDeleted: ['c1'], SpaceReclaimed: 1500 } } };
  const silent = await quai('container prune', routes);
  assert.deepEqual([silent.status, silent.engine.log], [0, []]);
  const agreed = await quai('container prune', routes, { input: 'y\n' });
  assert.match(agreed.out, /\[y\/N\] Deleted Containers:\nc1\n\nTotal reclaimed space: 1\.5kB\n$/);
});

test("logs sorts the streams, and passes a terminal's as it is", async () => {
  const routes = (tty: boolean, body: Uint8Array | string): FakeRoutes => ({
    'GET /containers/web/json': { body: { Config: { Tty: tty } } },
    'GET /containers/web/logs': { body },
  });
  const framed = await quai(
    'logs -f --since 10m -n 5 web',
    routes(false, Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n')])),
  );
  assert.deepEqual([framed.out, framed.err], ['a\n', 'b\n']);
  assert.deepEqual(framed.engine.seen[1]?.query, {
    stdout: '1',
    stderr: '1',
    since: '1767311400.000000000',
    follow: '1',
    tail: '5',
  });
  assert.equal((await quai('logs web', routes(true, 'raw\r\n'))).out, 'raw\r\n');
});

const ESCAPES = '\x1b[2J\x1b]0;t\x07\u009b1m\r';

for (const [line, routes] of [
  ['stop a', { 'POST /containers/a/stop': { status: 500, body: { message: `no ${ESCAPES}` } } }],
  ['inspect a', { 'GET /containers/a/json': { status: 500, body: { message: `no ${ESCAPES}` } } }],
  ['diff a', { 'GET /containers/a/changes': { body: [{ Kind: 1, Path: `/x${ESCAPES}` }] } }],
  ['top a', { 'GET /containers/a/top': { body: { Titles: ['CMD'], Processes: [[`x${ESCAPES}`]] } } }],
  ['pull a', { 'POST /images/create': { body: Buffer.from(JSON.stringify({ status: `x${ESCAPES}` })) } }],
  ['pull a', { 'POST /images/create': { body: Buffer.from(JSON.stringify({ error: `x${ESCAPES}` })) } }],
  ['login -u a -p b r.org', { 'POST /auth': { status: 500, body: { message: `no ${ESCAPES}` } } }],
  ['volume ls', { 'GET /volumes': { body: { Volumes: [], Warnings: [`no ${ESCAPES}`] } } }],
] as const satisfies readonly (readonly [string, FakeRoutes])[]) {
  test(`${line}: what others wrote does not reach the terminal as its commands`, async () => {
    const { out, err } = await quai(line, routes);
    const shown = (out + err).replaceAll('\n', '');
    assert.match(shown, /x|no/);
    assert.doesNotMatch(shown, /[\p{Cc}]/u, JSON.stringify(shown));
  });
}

for (const command of ['volume cp', 'cp']) {
  test(`${command}: an archive brings nothing but what was asked for, under its name`, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'quai-cp-'));
    try {
      const archive = (name: string): FakeRoutes => {
        const body = Buffer.concat([tarEntry({ path: name }, 'x'), TAR_END]);
        return { 'GET /quai/volumes/data/archive': { body }, 'GET /containers/data/archive': { body } };
      };
      const copy = (name: string) => quai([...command.split(' '), 'data:/.bash', folder], archive(name));
      assert.equal((await copy('.bash')).status, 0);
      const { status, err } = await copy('.bashrc');
      assert.deepEqual([status, err], [1, 'the archive has a name that was not asked for: .bashrc\n']);
      assert.deepEqual(readdirSync(folder), ['.bash']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('credentials that are no JSON are not quoted in what says so', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quai-config-'));
  try {
    const secret = Buffer.from('me:secret').toString('base64');
    writeFileSync(path.join(folder, 'config.json'), `{"auths":{"r.org":{"auth":${secret}}}}`);
    for (const env of [{ DOCKER_AUTH_CONFIG: secret }, { DOCKER_CONFIG: folder }]) {
      const { status, err } = await quai(['--debug', 'pull', 'r.org/x'], {}, { env });
      assert.equal(status, 1);
      assert.match(err, /is not JSON/);
      assert.doesNotMatch(err, new RegExp(secret.slice(0, 6)), err);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
