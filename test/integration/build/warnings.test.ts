import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildImageWith, builtImage } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';

test('a build warns of what Docker’s checks warn of, with what only the builder knows', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const lines = [
    'FROM busybox',
    'ARG VERSION=1',
    'WORKDIR sub',
    'ENV A=$VERSON P=$PATH B=${NONE:-x}',
    'LABEL v=$TARGETARCH',
    'CMD x',
    '',
  ];
  const { text } = await builtImage(daemon, lines.join('\n'));
  for (const warning of [
    /Relative workdir "sub" can have unexpected results/,
    /Usage of undefined variable '\$VERSON' \(did you mean \$VERSION\?\)/,
    /^\[Warning\] Usage of undefined variable '\$TARGETARCH' \(line 5\)$/m,
    /JSON arguments recommended for CMD/,
  ])
    assert.match(text, warning);
  assert.doesNotMatch(text, /undefined variable '\$(?:PATH|NONE)'/);

  const query = { cachefrom: ['x:1', 'y'] };
  const foreign = await builtImage(daemon, 'FROM busybox', { query });
  assert.match(foreign.text, /^\[Warning\] --cache-from x:1, y was not looked at: /m);

  const skipping = await builtImage(
    daemon,
    `# check=skip=UndefinedVar,JSONArgsRecommended,WorkdirRelativePath\n${lines.join('\n')}`,
  );
  assert.doesNotMatch(skipping.text, /undefined variable|recommended|Relative/);
  const strict = await buildImageWith(daemon, '# check=error=true\nFROM busybox\nENV A=$NONE\n');
  assert.match(strict.error ?? '', /lint violation found for rules: UndefinedVar/);
});
