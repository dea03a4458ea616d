import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { FakeRoutes } from '#client/fake-transport';
import { parseJson } from '#client/json';
import { frame, ID, quai, running } from '../fake-cli.ts';

test('run attaches and asks for the end before it starts, sorts the output, and ends as the container did', async () => {
  const output = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')]);
  const { status, out, err, engine } = await quai('run --rm --name web busybox true', running(7, output));
  assert.deepEqual([status, out, err], [7, 'out\n', 'WARNING: no swap limit\nerr\n']);
  assert.deepEqual(engine.log, [
    'POST /containers/create',
    `POST /containers/${ID}/attach`,
    `POST /containers/${ID}/wait`,
    `POST /containers/${ID}/start`,
  ]);
  assert.equal(engine.seen[0]?.query['name'], 'web');
  assert.equal(engine.seen[2]?.query['condition'], 'removed');
  assert.ok(engine.isClosed);
});

test('run -i sends stdin and its end', async () => {
  const { engine, status } = await quai('run -i busybox cat', running(0), { input: 'hello' });
  assert.deepEqual([status, engine.input, engine.seen[1]?.query['stdin']], [0, 'hello', '1']);
});

test('run -d prints the ID and waits for nothing', async () => {
  const { status, out, engine } = await quai('run -d busybox sleep 9', running(0));
  assert.deepEqual([status, out], [0, `${ID}\n`]);
  assert.deepEqual(engine.log, ['POST /containers/create', `POST /containers/${ID}/start`]);
});

for (const [message, expected] of [
  ['exec: "x": executable file not found in $PATH', 127],
  ['exec: "/tmp": permission denied', 126],
  ['exec: "/": is a directory', 126],
  ['port is already allocated', 125],
] as const) {
  test(`run ends with ${expected} when the start fails with: ${message}`, async () => {
    const routes = { ...running(0), [`POST /containers/${ID}/start`]: { status: 500, body: { message } } };
    const { status, err } = await quai('run busybox x', routes);
    assert.equal(status, expected);
    assert.match(
      err,
      /\nquai: Error response from daemon: .+\n\nRun 'quai run --help' for more information\n$/,
    );
  });
}

test('run whose engine goes away says that the container runs on, and ends with 125', async () => {
  const { status, err } = await quai('run busybox sleep 9', {
    ...running(0),
    [`POST /containers/${ID}/wait`]: { body: '' },
  });
  assert.equal(status, 125);
  assert.match(err, /lost the connection to the engine while container cccccccccccc was running; it runs on/);
  assert.match(err, /quai logs -f cccccccccccc {4}quai attach cccccccccccc\n$/);
});

test('run pulls an image that is missing, and says so first', async () => {
  let tries = 0;
  const routes: FakeRoutes = {
    ...running(0),
    'POST /containers/create': () =>
      ++tries === 1
        ? { status: 404, body: { message: 'No such image: busybox:latest' } }
        : { status: 201, body: { Id: ID } },
    'POST /images/create': { body: '{"status":"Pulling from library/busybox","id":"latest"}\n' },
  };
  const { status, err, engine } = await quai('run busybox', routes);
  assert.equal(status, 0);
  assert.equal(err, "Unable to find image 'busybox:latest' locally\nlatest: Pulling from library/busybox\n");
  assert.deepEqual(engine.seen[1]?.query, { fromImage: 'docker.io/library/busybox', tag: 'latest' });
});

test('run ends with 125 when a pull fails that had begun well', async () => {
  const routes: FakeRoutes = {
    'POST /containers/create': { status: 404, body: { message: 'No such image: busybox:latest' } },
    'POST /images/create': {
      body: '{"status":"Pulling from library/busybox","id":"latest"}\n{"errorDetail":{"message":"unexpected EOF"},"error":"unexpected EOF"}\n',
    },
  };
  const { status, err } = await quai('run busybox', routes);
  assert.equal(status, 125);
  assert.match(err, /\nquai: unexpected EOF\n\nRun 'quai run --help' for more information\n$/);
  assert.equal(
    (await quai('create busybox', routes)).status,
    1,
    'as Docker, whose create has one status only',
  );
});

test('run --pull never does not', async () => {
  const routes = {
    'POST /containers/create': { status: 404, body: { message: 'No such image: busybox:latest' } },
  };
  const { status, engine } = await quai('run --pull never busybox', routes);
  assert.equal(status, 125);
  assert.deepEqual(engine.log, ['POST /containers/create']);
});

test('run --cidfile writes the ID, refuses a file that exists, and leaves none behind when nothing was created', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quai-cid-'));
  const file = path.join(folder, 'cid');
  try {
    const failed = await quai(['run', '--cidfile', file, 'busybox'], {});
    assert.deepEqual([failed.status, existsSync(file)], [125, false]);
    await quai(['run', '-d', '--cidfile', file, 'busybox'], running(0));
    assert.equal(readFileSync(file, 'utf8'), ID);
    const again = await quai(['run', '--cidfile', file, 'busybox'], running(0));
    assert.match(again.err, /^quai: container ID file found, make sure/);
    assert.deepEqual(again.engine.log, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('run notes an option after the image before it goes on', async () => {
  const { err, status } = await quai('run -d mysql -e MYSQL_ROOT_PASSWORD=root', running(0));
  assert.match(err, /^Note: "-e MYSQL_ROOT_PASSWORD=root" comes after the image/);
  assert.equal(status, 0);
});

test('run -t with input needs a terminal', async () => {
  const { status, err } = await quai('run -it busybox', running(0));
  assert.deepEqual([status, err], [1, 'the input device is not a TTY\n']);
});

test("run sends the card's address where the engine's version looks for it", async () => {
  const bodyWith = async (apiVersion: string): Promise<unknown> => {
    const { engine } = await quai('run -d --mac-address 92:d0:c6:0a:29:33 busybox', running(0), {
      apiVersion,
    });
    return parseJson(engine.seen.findLast(one => one.path.includes('/create'))?.body ?? '');
  };
  assert.ok(!JSON.stringify(await bodyWith('1.55')).startsWith('{"MacAddress"'));
  assert.ok(JSON.stringify(await bodyWith('1.43')).startsWith('{"MacAddress"'));
});
