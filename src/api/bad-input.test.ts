import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerProbe } from '#http/server-probe';
import { createApiServer } from './api-server.ts';
import { fakeApiDeps } from './fake-services.ts';

const filter = (value: unknown): string => encodeURIComponent(JSON.stringify(value));

const REFUSED: readonly [
  what: string,
  method: string,
  path: string,
  body: unknown,
  status: number,
  message: string | RegExp,
][] = [
  [
    'no body',
    'POST',
    '/containers/create',
    undefined,
    400,
    'invalid JSON: got EOF while reading request body',
  ],
  [
    'an empty configuration',
    'POST',
    '/containers/create',
    {},
    400,
    'config cannot be empty in order to create a container',
  ],
  ['null', 'POST', '/containers/create', null, 400, 'config cannot be empty in order to create a container'],
  [
    'only a host configuration',
    'POST',
    '/containers/create',
    { HostConfig: {} },
    400,
    /^config cannot be empty/,
  ],
  ['a list', 'POST', '/containers/create', [1], 400, /^config cannot be empty/],
  [
    'a number for a name',
    'POST',
    '/containers/create',
    { Image: 1 },
    400,
    /^invalid JSON: field Image: .*string.*1/,
  ],
  [
    'a text for a number',
    'POST',
    '/containers/create',
    { Image: 'x', HostConfig: { Memory: '1g' } },
    400,
    /field HostConfig\.Memory: .*number/,
  ],
  [
    'a number beyond 2^53',
    'POST',
    '/containers/create',
    { Image: 'x', HostConfig: { Memory: 2 ** 60 } },
    400,
    /field HostConfig\.Memory/,
  ],
  [
    'a fraction',
    'POST',
    '/containers/create',
    { Image: 'x', HostConfig: { CpuShares: 1.5 } },
    400,
    /field HostConfig\.CpuShares/,
  ],
  ['an object for a list', 'POST', '/containers/create', { Image: 'x', Env: { A: 'b' } }, 400, /field Env/],
  ['an exec without a command', 'POST', '/containers/web/exec', {}, 400, 'No exec command specified'],
  ['bad filters', 'GET', '/containers/json?filters=%7B', undefined, 400, 'invalid filter'],
  [
    'an unknown filter',
    'GET',
    `/containers/json?filters=${filter({ colour: ['red'] })}`,
    undefined,
    400,
    "invalid filter 'colour'",
  ],
  [
    'an unknown status',
    'GET',
    `/containers/json?filters=${filter({ status: ['tired'] })}`,
    undefined,
    400,
    "invalid filter 'status=tired'",
  ],
  [
    'an unknown health',
    'GET',
    `/containers/json?filters=${filter({ health: { ill: true } })}`,
    undefined,
    400,
    "invalid filter 'health=ill'",
  ],
  [
    'a limit that is none',
    'GET',
    '/containers/json?limit=x',
    undefined,
    400,
    'strconv.Atoi: parsing "x": invalid syntax',
  ],
  [
    'a time-out that is none',
    'POST',
    '/containers/web/stop?t=soon',
    undefined,
    400,
    'strconv.Atoi: parsing "soon": invalid syntax',
  ],
  [
    'a size that is none',
    'POST',
    '/containers/web/resize?h=x&w=1',
    undefined,
    400,
    /invalid resize height "x"/,
  ],
  [
    'no stream of the log',
    'GET',
    '/containers/web/logs',
    undefined,
    400,
    'Bad parameters: you must choose at least one stream',
  ],
  [
    'a time that is none',
    'GET',
    '/containers/web/logs?stdout=1&since=zzz',
    undefined,
    400,
    /invalid value for "since"/,
  ],
  [
    'an unknown condition',
    'POST',
    '/containers/web/wait?condition=zz',
    undefined,
    400,
    'invalid condition: "zz"',
  ],
  [
    'a start with a body',
    'POST',
    '/containers/web/start',
    { Binds: [] },
    400,
    /^starting container with non-empty request body/,
  ],
  ['an unknown container', 'POST', '/containers/none/wait', undefined, 404, 'No such container: none'],
  ['an unknown exec', 'POST', '/exec/none/start', {}, 404, 'No such exec instance: none'],
  [
    'an unknown image',
    'GET',
    '/images/localhost:5000/a/b:1/json',
    undefined,
    404,
    'No such image: localhost:5000/a/b:1',
  ],
  ['an unknown volume', 'GET', '/volumes/none', undefined, 404, 'get none: no such volume'],
  ['an unknown plugin', 'GET', '/plugins/none/json', undefined, 404, 'plugin "none" not found'],
  ['an unknown network', 'GET', '/networks/none', undefined, 404, 'network none not found'],
  [
    'times the wrong way round',
    'GET',
    '/events?since=10&until=5',
    undefined,
    400,
    '`since` time (10) cannot be after `until` time (5)',
  ],
  ['an unknown type', 'GET', '/system/df?type=foo', undefined, 400, 'unknown object type: foo'],
  [
    'a name that is none',
    'POST',
    '/images/create?fromImage=A%20B',
    undefined,
    400,
    /^invalid reference format/,
  ],
  ['a search for nothing', 'GET', '/images/search', undefined, 400, /term/],
  ['a search for too much', 'GET', '/images/search?term=x&limit=101', undefined, 400, /outside the range/],
  ['a wrong password', 'POST', '/auth', { username: 'nobody', password: 'x' }, 401, /incorrect username/],
  [
    'an import from elsewhere',
    'POST',
    '/images/create?fromSrc=http://x/y.tar',
    undefined,
    501,
    /^not implemented: import from http/,
  ],
  ['an image from nowhere', 'POST', '/images/create', undefined, 400, /fromImage/],
  ['a path that is not there', 'GET', '/nothing', undefined, 404, 'page not found'],
  ['a method that is not there', 'PATCH', '/info', undefined, 405, /PATCH/],
  [
    'too many until filters',
    'POST',
    `/networks/prune?filters=${filter({ until: ['1h', '2h'] })}`,
    undefined,
    400,
    /until/,
  ],
];

for (const [what, method, path, body, status, message] of REFUSED) {
  test(`${method} ${path.split('?')[0]} refuses ${what} with ${status}`, async () => {
    await using probe = await ServerProbe.start(createApiServer(fakeApiDeps()));
    const answer = await probe.call(method, path, body === undefined ? {} : { body });
    const content = answer.json() as { message: string };
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual(Object.keys(content), ['message']);
    if (typeof message === 'string') assert.equal(content.message, message);
    else assert.match(content.message, message);
  });
}
