import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { FakeRoutes } from '#client/fake-transport';
import { quai } from '../fake-cli.ts';

const ID = `sha256:${'1d2c'.repeat(16)}`;
const BUILT = [
  { stream: 'Step 1/1 : FROM x' },
  { stream: '\n' },
  { aux: { ID } },
  { stream: 'Successfully built 1d2c1d2c1d2c\n' },
];
const lines = (...all: object[]): string => all.map(line => `${JSON.stringify(line)}\n`).join('');
const routes: FakeRoutes = { 'POST /build': { body: lines(...BUILT) } };
const ours: FakeRoutes = {
  'GET /_ping': { body: 'OK', headers: { server: 'Quai/0.1 (linux)' } },
  'POST /quai/build/secrets': { status: 201, body: { Id: 'secret-set' } },
  'POST /quai/build': { body: lines(...BUILT) },
};

describe('build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-build-'));
  writeFileSync(join(folder, 'Dockerfile'), 'FROM x\nRUN make \\\n  all\nCMD x\n');
  after(() => rmSync(folder, { recursive: true }));

  test('sends the folder, and shows what the engine says in Docker’s form', async () => {
    const { status, out, engine } = await quai(['build', folder], routes);
    assert.equal(status, 0);
    assert.match(
      out,
      /^Sending build context to Docker daemon +\S+B\r\r\nStep 1\/1 : FROM x\nSuccessfully built 1d2c1d2c1d2c\n$/,
    );
    const [request] = engine.seen.filter(({ method }) => method === 'POST');
    assert.deepEqual(request?.query, { dockerfile: 'Dockerfile', version: '1' });
    assert.match(request?.body ?? '', /^Dockerfile\0/);
  });

  test('turns every option into the parameter of the API', async () => {
    const options = [
      '-t a:1 -t b --build-arg A=1 --build-arg HERE --build-arg NOWHERE --label l=v --label m --no-cache --pull',
      '--network none --add-host h:1.2.3.4 --platform linux/arm64 --target dev --shm-size 64m --ulimit nofile=1:2',
      '-m 64m --memory-swap -1 -c 2 --cpu-period 3 --cpu-quota 4 --cpuset-cpus 0 --cpuset-mems 0 --cgroup-parent p',
      '--cache-from x,y --security-opt seccomp=unconfined --rm=false --force-rm --isolation default --load --provenance=false',
    ];
    const words = options.join(' ').split(' ');
    const { status, err, engine } = await quai(['build', ...words, folder], routes, { env: { HERE: 'h' } });
    assert.equal(status, 0, err);
    assert.deepEqual(engine.seen.at(-1)?.query, {
      t: 'b', // the fake keeps the last of several
      nocache: '1',
      pull: '1',
      rm: '0',
      forcerm: '1',
      extrahosts: 'h:1.2.3.4',
      securityopt: 'seccomp=unconfined',
      buildargs: '{"A":"1","HERE":"h","NOWHERE":null}',
      labels: '{"l":"v","m":""}',
      cachefrom: '["x","y"]',
      ulimits: '[{"Name":"nofile","Soft":1,"Hard":2}]',
      memory: '67108864',
      memswap: '-1',
      shmsize: '67108864',
      cpushares: '2',
      cpuperiod: '3',
      cpuquota: '4',
      cpusetcpus: '0',
      cpusetmems: '0',
      cgroupparent: 'p',
      networkmode: 'none',
      target: 'dev',
      platform: 'linux/arm64',
      version: '1',
      dockerfile: 'Dockerfile',
    });
    assert.match(engine.seen.at(-1)?.path ?? '', /\?t=a%3A1&t=b&/);
  });

  test('-q prints the image only, and --iidfile writes it', async () => {
    const quiet = { 'POST /build': { body: lines({ stream: `${ID}\n` }) } };
    assert.equal((await quai(['build', '-q', folder], quiet)).out, `${ID}\n`);
    const file = join(folder, 'id');
    assert.equal((await quai(['build', '--iidfile', file, folder], routes)).status, 0);
    assert.equal(readFileSync(file, 'utf8'), ID);
    const failing = { 'POST /build': { status: 400, body: { message: 'no' } } };
    assert.equal((await quai(['build', '--iidfile', file, folder], failing)).status, 1);
    assert.equal(existsSync(file), false);
  });

  test('ends with the code of the command that failed, and marks its lines', async () => {
    const detail = {
      code: 7,
      line: 2,
      message: "The command 'make' returned a non-zero code: 7",
    };
    const failing = {
      'POST /build': { body: lines(...BUILT.slice(0, 2), { errorDetail: detail, error: 'x' }) },
    };
    const { status, err } = await quai(['build', folder], failing);
    assert.equal(status, 7);
    assert.equal(
      err,
      [
        'Dockerfile:2',
        '--------------------',
        ' 1 |     FROM x',
        ' 2 | >>> RUN make \\',
        ' 3 | >>>   all',
        ' 4 |     CMD x',
        ' 5 |',
        '--------------------',
        "The command 'make' returned a non-zero code: 7\n",
      ].join('\n'),
    );
    const refused = {
      'POST /build': {
        status: 400,
        body: { message: 'dockerfile parse error on line 4: unknown instruction: CMDX' },
      },
    };
    assert.match(
      (await quai(['build', folder], refused)).err,
      / 4 \| >>> CMD x\n.*\nError response from daemon: dockerfile parse/s,
    );
  });

  test('--compress sends gzip', async () => {
    const { status, engine } = await quai(['build', '--compress', folder], routes);
    assert.equal(status, 0);
    assert.equal(engine.seen.at(-1)?.body.slice(0, 2), '\x1f\ufffd'); // the magic, as the fake reads text
  });

  test('secrets go ahead of the build, to our engine only', async () => {
    const words = ['build', '--secret', 'id=key,env=KEY', '--secret', `src=${folder}/Dockerfile`, folder];
    const { status, err, engine } = await quai(words, ours, { env: { KEY: 'word' } });
    assert.equal(status, 0, err);
    assert.deepEqual(JSON.parse(engine.seen.at(-2)?.body ?? ''), {
      key: Buffer.from('word').toString('base64'),
      Dockerfile: readFileSync(join(folder, 'Dockerfile')).toString('base64'),
    });
    assert.deepEqual(engine.seen.at(-1)?.query, {
      version: '1',
      dockerfile: 'Dockerfile',
      progress: 'plain',
      secrets: 'secret-set',
    });
    const elsewhere = await quai(words, { 'GET /_ping': { body: 'OK' } }, { env: { KEY: 'word' } });
    assert.match(elsewhere.err, /not implemented: --secret with this engine/);
    for (const [secret, message] of [
      ['id=key,env=NONE', 'secret key: the variable NONE is not set'],
      ['id=key,src=/nonexistent', 'secret key: failed to read /nonexistent: no such file or directory'],
      ['id=key,foo=1', "unexpected key 'foo' in --secret id=key,foo=1; it has id, src, env and type"],
      ['env=X', '--secret env=X has no id'],
      ['key', "invalid field 'key' must be a key=value pair: --secret key"],
    ] as const) {
      assert.equal((await quai(['build', '--secret', secret, folder], ours)).err, `${message}\n`);
    }
  });

  test('an address goes to the engine as it is', async () => {
    const { engine } = await quai(['build', 'https://example.com/x.git#main:sub'], routes);
    assert.deepEqual(engine.seen.at(-1)?.query, {
      remote: 'https://example.com/x.git#main:sub',
      version: '1',
    });
    assert.equal(engine.seen.at(-1)?.body, '');
  });

  test('S374: what beginners write is answered with what to write', async () => {
    const two = await quai(['build', 'Dockerfile', '-t', 'n', '.'], routes);
    assert.match(
      two.err,
      /'quai build' requires 1 argument\n {2}A Dockerfile is named by -f: quai build -f Dockerfile \.\n/,
    );
    const none = await quai(['build'], routes);
    assert.match(
      none.err,
      /The folder with the Dockerfile is the argument, a dot for this one: quai build \./,
    );
    assert.equal(two.status, 1);
  });

  for (const [words, message] of [
    [['-t', 'Upper'], /invalid argument "Upper" for "-t, --tag" flag: .*lowercase/],
    [['--build-arg', '=x'], /invalid argument "=x" for "--build-arg" flag: invalid environment variable: =x/],
    [['--label', '=x'], /invalid label '=x': empty name/],
    [['--push'], /not implemented: --push; build with -t NAME, then: quai push NAME/],
    [['--output', 'x'], /not implemented: --output/],
    [['--sbom=true'], /not implemented: --sbom/],
    [['--progress', 'fancy'], /invalid progress mode "fancy": auto, plain, tty or quiet/],
    [['--platform', 'linux/amd64,linux/arm64'], /not implemented: --platform with several/],
    [
      ['-f', '/nonexistent'],
      /unable to evaluate symlinks in Dockerfile path: lstat \/nonexistent: no such file or directory/,
    ],
  ] as const) {
    test(`build ${words.join(' ')} is refused before anything is sent`, async () => {
      const { status, err, engine } = await quai(['build', ...words, folder], routes);
      assert.notEqual(status, 0);
      assert.match(err, message);
      assert.equal(engine.seen.length, 0);
    });
  }

  test('a path that is not there', async () => {
    const { err } = await quai(['build', '/nonexistent/x'], routes);
    assert.equal(err, 'unable to prepare context: path "/nonexistent/x" not found\n');
    const both = await quai(['build', '-f', '-', '-'], routes);
    assert.equal(both.err, "invalid argument: can't use stdin for both build context and dockerfile\n");
  });
});
