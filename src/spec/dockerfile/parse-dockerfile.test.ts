import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StageInstruction } from './instructions.ts';
import { parseDockerfile, parseTrigger } from './parse-dockerfile.ts';

/** The instructions of one stage, without their places. */
function body(text: string): object[] {
  const [stage] = parseDockerfile(`FROM scratch\n${text}`).stages;
  return (stage?.instructions ?? []).map(
    ({ lines: _lines, original: _original, ...rest }: StageInstruction) => rest,
  );
}

function refuses(text: string, message: string | RegExp): void {
  assert.throws(() => parseDockerfile(text), { kind: 'invalid', message });
}

const shell = (text: string): object => ({ form: 'shell', text });
const exec = (...args: string[]): object => ({ form: 'exec', args });
const run = (command: object): object => ({ keyword: 'RUN', command, mounts: [], devices: [] });

test('stages, their names, global arguments', () => {
  const { globalArgs, stages } = parseDockerfile(
    'ARG TAG=1 OTHER\nfrom --platform=$BUILDPLATFORM base:$TAG as Build\nRUN a\nFROM build\nFROM scratch AS x-1.y_z\n',
  );
  assert.deepEqual(globalArgs[0]?.args, [{ key: 'TAG', value: '1' }, { key: 'OTHER' }]);
  assert.deepEqual(
    stages.map(({ index, name, from, instructions }) => [
      index,
      name,
      from.image,
      from.platform,
      instructions.length,
    ]),
    [
      [0, 'build', 'base:$TAG', '$BUILDPLATFORM', 1],
      [1, undefined, 'build', undefined, 0],
      [2, 'x-1.y_z', 'scratch', undefined, 0],
    ],
  );
});

test('comments, continued lines, CR LF, byte order mark, tabs', () => {
  const text =
    '\uFEFF# one\r\n\r\n  # two\r\nFROM scratch\r\nRUN a && \\\r\n  # between\r\n# again\r\n\tb \\  \r\n\r\n  && c\r\n\tCMD\t["x"]';
  const { stages, warnings } = parseDockerfile(Buffer.from(text));
  const [first, second] = stages[0]?.instructions ?? [];
  assert.deepEqual(first?.keyword === 'RUN' && first.command, shell('a && \tb   && c'));
  assert.deepEqual(first?.lines, { first: 5, last: 10 });
  assert.equal(first?.original, 'RUN a && \tb   && c');
  assert.deepEqual(second?.keyword === 'CMD' && second.command, exec('x'));
  assert.deepEqual(second?.lines, { first: 11, last: 11 });
  assert.deepEqual(warnings, [{ rule: 'NoEmptyContinuation', message: 'Empty continuation line', line: 9 }]);
});

test('a line goes on after one escape, not after two, and not beyond the file', () => {
  assert.deepEqual(body('RUN a\\\nb'), [run(shell('ab'))]);
  assert.deepEqual(body('RUN a\\\\\nRUN b'), [run(shell('a\\\\')), run(shell('b'))]);
  assert.deepEqual(body('RUN a \\'), [run(shell('a'))]);
  assert.deepEqual(body('RUN a # no comment\\\n#c\nb'), [run(shell('a # no commentb'))]);
});

test('directives', () => {
  const { directives, stages } = parseDockerfile(
    '# syntax = docker/dockerfile:1\n# Escape=`\n# check=skip=all\nFROM scratch\nCOPY a `\n  C:\\\n',
  );
  assert.deepEqual(directives, { syntax: 'docker/dockerfile:1', escape: '`', check: 'skip=all' });
  const [copy] = stages[0]?.instructions ?? [];
  assert.equal(copy?.keyword === 'COPY' && copy.destination, 'C:\\');
  assert.equal(parseDockerfile('# a comment\n# escape=`\nFROM scratch').directives.escape, '\\');
  refuses('#escape=x\nFROM a', /line 1: invalid escape token 'x'/);
  refuses('#escape=`\n#escape=`\nFROM a', /line 2: only one escape parser directive/);
});

test('commands in shell form and JSON form', () => {
  for (const [text, command] of [
    ['npm run start', shell('npm run start')],
    ['["echo", "a b", "\\u0041"]', exec('echo', 'a b', 'A')],
    ['[]', exec()],
    ["['echo']", shell("['echo']")],
    ['["a",]', shell('["a",]')],
    ['[ -f x ] && echo "$Y"', shell('[ -f x ] && echo "$Y"')],
    ['curl x | bash', shell('curl x | bash')],
  ] as const) {
    assert.deepEqual(body(`CMD ${text}`), [{ keyword: 'CMD', command }], text);
    assert.deepEqual(body(`ENTRYPOINT ${text}`), [{ keyword: 'ENTRYPOINT', command }], text);
    assert.deepEqual(body(`RUN ${text}`), [run(command)], text);
  }
  refuses('FROM a\nCMD ["a", 1]', /arrays must be comprised of strings only/);
  refuses('FROM a\nRUN', 'dockerfile parse error on line 2: RUN requires at least one argument');
});

test('ENV, LABEL and ARG', () => {
  assert.deepEqual(body('ENV A=1 B="x y" C=a\\ b D=\'q r\' E= F="$A=$B"'), [
    {
      keyword: 'ENV',
      pairs: [
        { key: 'A', value: '1' },
        { key: 'B', value: '"x y"' },
        { key: 'C', value: 'a\\ b' },
        { key: 'D', value: "'q r'" },
        { key: 'E', value: '' },
        { key: 'F', value: '"$A=$B"' },
      ],
    },
  ]);
  assert.deepEqual(body('ENV A the rest = "of" it'), [
    { keyword: 'ENV', pairs: [{ key: 'A', value: 'the rest = "of" it' }] },
  ]);
  assert.deepEqual(body('LABEL "com.example.a"="b c" d=e'), [
    {
      keyword: 'LABEL',
      pairs: [
        { key: '"com.example.a"', value: '"b c"' },
        { key: 'd', value: 'e' },
      ],
    },
  ]);
  assert.deepEqual(body('ARG a b=1 c='), [
    { keyword: 'ARG', args: [{ key: 'a' }, { key: 'b', value: '1' }, { key: 'c', value: '' }] },
  ]);
  refuses('FROM a\nENV A', /ENV must have two arguments: write ENV A=value/);
  refuses('FROM a\nENV A=1 B', /can't find = in "B"/);
  refuses('FROM a\nENV =1', /names can not be blank/);
});

test('RUN with flags', () => {
  assert.deepEqual(
    body(
      'RUN --mount=type=cache,dst=/c,id=x,sharing=locked,mode=0700 --mount=target=/b,rw --network=none --security=insecure -- --not-a-flag',
    ),
    [
      {
        keyword: 'RUN',
        command: shell('--not-a-flag'),
        mounts: [
          { type: 'cache', fields: { target: '/c', id: 'x', sharing: 'locked', mode: '0700' } },
          { type: 'bind', fields: { target: '/b', readwrite: 'true' } },
        ],
        devices: [],
        network: 'none',
        security: 'insecure',
      },
    ],
  );
  refuses('FROM a\nRUN --mont=type=cache x', /unknown flag: --mont \(did you mean --mount\?\)/);
  refuses('FROM a\nRUN --network=hst x', /invalid network mode "hst": there are default, none, host/);
});

test('COPY and ADD', () => {
  const copy = {
    keyword: 'COPY',
    sources: [],
    heredocs: [],
    destination: '/',
    link: false,
    parents: false,
    exclude: [],
  };
  const add = {
    keyword: 'ADD',
    sources: ['a'],
    heredocs: [],
    destination: '/',
    link: false,
    keepGitDir: false,
    exclude: [],
  };
  assert.deepEqual(body('COPY . /opt/source-code'), [
    { ...copy, sources: ['.'], destination: '/opt/source-code' },
  ]);
  assert.deepEqual(body('COPY ["a b", "c", "/d e/"]'), [
    { ...copy, sources: ['a b', 'c'], destination: '/d e/' },
  ]);
  assert.deepEqual(
    body(
      'COPY --from=build --chown=$U:1 --chmod=0755 --link --parents=true --exclude=*.md --exclude=x a b /',
    ),
    [
      {
        ...copy,
        sources: ['a', 'b'],
        from: 'build',
        chown: '$U:1',
        chmod: '0755',
        link: true,
        parents: true,
        exclude: ['*.md', 'x'],
      },
    ],
  );
  assert.deepEqual(body('ADD --checksum=sha256:00 --keep-git-dir --unpack=FALSE a /'), [
    { ...add, checksum: 'sha256:00', keepGitDir: true, unpack: false },
  ]);
  refuses('FROM a\nCOPY a', /requires at least two arguments, but only one was provided/);
  refuses('FROM a\nCOPY --from=$X a b', /variable expansion is not supported for --from/);
  refuses('FROM a\nCOPY --link=maybe a b', /expecting boolean value for flag --link, not: maybe/);
  refuses('FROM a\nCOPY --chown a b', /missing a value on flag: --chown/);
  refuses('FROM a\nCOPY --chown=1 --chown=2 a b', /duplicate flag specified: --chown/);
});

test('the rest of the instructions', () => {
  assert.deepEqual(
    body(
      [
        'WORKDIR /a b',
        'USER $U',
        'VOLUME /a /b',
        'VOLUME ["/c d"]',
        'EXPOSE 80 443/tcp $P',
        'SHELL ["/bin/bash", "-c"]',
        'STOPSIGNAL SIGTERM',
        'MAINTAINER Me <me@example.com>',
        'ONBUILD RUN --network=none x',
      ].join('\n'),
    ),
    [
      { keyword: 'WORKDIR', path: '/a b' },
      { keyword: 'USER', user: '$U' },
      { keyword: 'VOLUME', paths: ['/a', '/b'] },
      { keyword: 'VOLUME', paths: ['/c d'] },
      { keyword: 'EXPOSE', ports: ['80', '443/tcp', '$P'] },
      { keyword: 'SHELL', args: ['/bin/bash', '-c'] },
      { keyword: 'STOPSIGNAL', signal: 'SIGTERM' },
      { keyword: 'MAINTAINER', maintainer: 'Me <me@example.com>' },
      { keyword: 'ONBUILD', trigger: 'RUN --network=none x' },
    ],
  );
  refuses('FROM a\nSHELL bash', /SHELL requires the arguments to be in JSON form/);
  refuses('FROM a\nONBUILD FROM b', /FROM isn't allowed as an ONBUILD trigger/);
  refuses('FROM a\nONBUILD ONBUILD RUN x', /Chaining ONBUILD/);
  refuses('FROM a\nONBUILD RUNN x', /did you mean RUN\?/);
  refuses('FROM a\nUSER', /line 2: USER requires exactly one argument/);
});

test('HEALTHCHECK', () => {
  const check = (text: string): unknown => {
    const [instruction] = body(`HEALTHCHECK ${text}`);
    return instruction && 'check' in instruction && instruction.check;
  };
  assert.equal(check('NONE'), 'none');
  assert.deepEqual(
    check(
      '--interval=5m --timeout=3s --start-period=1m30s --start-interval=500ms --retries=4 CMD curl -f http://x || exit 1',
    ),
    {
      command: shell('curl -f http://x || exit 1'),
      intervalNanos: 300e9,
      timeoutNanos: 3e9,
      startPeriodNanos: 90e9,
      startIntervalNanos: 5e8,
      retries: 4,
    },
  );
  assert.deepEqual(check('--interval=0 cmd ["a"]'), { command: exec('a') });
  refuses('FROM a\nHEALTHCHECK curl', /Unknown type "curl" in HEALTHCHECK \(try CMD\)/);
  refuses('FROM a\nHEALTHCHECK CMD', /Missing command after HEALTHCHECK CMD/);
  refuses('FROM a\nHEALTHCHECK NONE x', /takes no arguments/);
  refuses('FROM a\nHEALTHCHECK --interval=5 CMD x', /invalid duration "5" of --interval: write it like 30s/);
  refuses('FROM a\nHEALTHCHECK --interval=5us CMD x', /cannot be less than 1ms/);
  refuses('FROM a\nHEALTHCHECK --retries=-1 CMD x', /--retries wants a number/);
});

test('here-documents of RUN', () => {
  assert.deepEqual(body('RUN <<EOF\necho $a\n# kept\n\nEOF\nRUN b'), [
    run(shell('echo $a\n# kept\n\n')),
    run(shell('b')),
  ]);
  assert.deepEqual(body('RUN <<-"E F"\n\t\techo\n\tE F\n'), [run(shell('echo\n'))]);
  assert.deepEqual(body('RUN <<EOF\n#!/usr/bin/env python3\nprint()\nEOF'), [
    run({ form: 'script', name: 'EOF', content: '#!/usr/bin/env python3\nprint()\n' }),
  ]);
  assert.deepEqual(body("RUN cat <<A > x && cat 3<<-'B' >&3\n1\nA\n\t2\n\tB"), [
    run(shell("cat <<A > x && cat 3<<-'B' >&3\n1\nA\n\t2\nB")),
  ]);
  assert.deepEqual(body('RUN cat <<<x'), [run(shell('cat <<<x'))]);
  assert.deepEqual(body('RUN echo "a <<b" $((1 << 2))'), [run(shell('echo "a <<b" $((1 << 2))'))]);
  assert.deepEqual(body('RUN ["cat", "<<EOF"]'), [run(exec('cat', '<<EOF'))]);
  assert.deepEqual(body('RUN <<EOF\r\na\r\nEOF\r\n'), [run(shell('a\n'))]);
  refuses(
    'FROM a\nRUN x\nRUN <<EOF\nb\n',
    /line 3: unterminated heredoc <<EOF: no line below it is "EOF" alone/,
  );
});

test('here-documents of COPY', () => {
  const [copy] = body('COPY <<one <<-"two" three /dest/\n$a\r\none\n\tb $c\n\ttwo');
  assert.deepEqual(copy && 'heredocs' in copy && copy.heredocs, [
    { name: 'one', content: '$a\r\n', isExpanded: true },
    { name: 'two', content: 'b $c\n', isExpanded: false },
  ]);
  assert.deepEqual(copy && 'sources' in copy && copy.sources, ['three']);
  refuses('FROM a\nCOPY a <<EOF\nEOF', /COPY cannot accept a heredoc as a destination/);
  refuses('FROM a\nCOPY <<../x /\n../x', /write another word for <<\.\.\/x/);
});

test('ONBUILD keeps a here-document, and the trigger is read again', () => {
  const [onbuild] = body('ONBUILD RUN <<EOF\na\nEOF');
  const trigger = onbuild && 'trigger' in onbuild && String(onbuild.trigger);
  assert.equal(trigger, 'RUN <<EOF\na\nEOF');
  const parsed = parseTrigger(trigger || '');
  assert.deepEqual(parsed.keyword === 'RUN' && parsed.command, shell('a\n'));
  assert.throws(() => parseTrigger('RUN a\nRUN b'), /not one instruction/);
  assert.throws(() => parseTrigger('FROM a'), /not one instruction/);
});

test('errors name the line and what to write', () => {
  refuses('', 'file with no instructions');
  refuses('# only\n\n', 'file with no instructions');
  refuses('ARG a', /no stages to build: it has no FROM/);
  refuses('\nRUN x', /line 2: no build stage in current context: begin with FROM/);
  refuses(
    'FROM a\n\nRUNN x',
    'dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)',
  );
  refuses('FROM a\nxyzzyx y', 'dockerfile parse error on line 2: unknown instruction: xyzzyx');
  refuses('FROM', /FROM requires either one or three arguments/);
  refuses('FROM a as', /FROM requires either one or three arguments/);
  refuses('FROM a b c', /FROM requires either one or three arguments/);
  refuses('FROM a AS 1b', /invalid name for build stage: "1b", name can't start with a number/);
  refuses('FROM a\nCMD --x y', /unknown flag: --x \(it takes none\)/);
});

test('what is no UTF-8 passes in comments and nowhere else', () => {
  const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
  assert.equal(parseDockerfile(latin('# M\xfcller\nFROM a')).stages.length, 1);
  assert.throws(
    () => parseDockerfile(latin('FROM a\nLABEL x=M\xfcller')),
    /line 2: is not UTF-8: save the file as UTF-8/,
  );
  assert.throws(() => parseDockerfile(Buffer.from('\uFEFFFROM a', 'utf16le')), /is UTF-16: save it as UTF-8/);
  refuses('FROM a\nRUN x\0y', /line 2: holds a NUL character/);
});
