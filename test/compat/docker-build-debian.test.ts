import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../support/daemon.ts';
import { cannotMakeDebian, makeDebianTar } from '../support/debian-image.ts';
import { until } from '../support/until.ts';
import { buildProjects } from './build-project.ts';

const MINUTES = 60_000;
const project = buildProjects();

async function ok(daemon: TestDaemon, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.docker(words, { timeoutMs: 8 * MINUTES });
  assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}${stdout.slice(-3000)}`);
  return stdout.trim();
}

test('images on Debian, as in a tutorial: nginx by apt-get, an application on top of it, a small last stage (S117, S118, S120, S124, S129, S131, S134, S136, S404)', {
  skip: cannotRunDocker || cannotMakeDebian,
  timeout: 20 * MINUTES,
}, async t => {
  const tar = await makeDebianTar();
  if (tar === undefined) return t.skip('Debian’s packages cannot be reached');
  await using daemon = await startDaemon();
  await ok(daemon, ['import', tar, 'debian:12']);

  const web = project({
    Dockerfile: [
      'FROM debian:12',
      'LABEL org.opencontainers.image.title="web"',
      'ENV DEBIAN_FRONTEND=noninteractive',
      'RUN apt-get update && apt-get install -y --no-install-recommends nginx-light \\',
      '    && rm -rf /var/lib/apt/lists/*',
      'RUN echo "daemon off;" >> /etc/nginx/nginx.conf',
      'COPY html/ /var/www/html/',
      'EXPOSE 80',
      'HEALTHCHECK --interval=1s CMD test -s /run/nginx.pid',
      'STOPSIGNAL SIGQUIT',
      'CMD ["nginx"]',
    ].join('\n'),
    'html/index.html': '<h1>Built here</h1>\n',
  });
  await ok(daemon, ['build', '-t', 'web:1', web]);
  await ok(daemon, ['run', '-d', '--name', 'web', '-p', '127.0.0.1::80', 'web:1']);
  const [address = ''] = (await ok(daemon, ['port', 'web', '80'])).split('\n');
  let page = '';
  await until('nginx answers', async () => {
    page = await fetch(`http://${address}/`).then(
      answer => answer.text(),
      () => '',
    );
    return page !== '';
  });
  assert.equal(page, '<h1>Built here</h1>\n');
  await until(
    'it is healthy',
    async () => (await ok(daemon, ['inspect', '-f', '{{.State.Health.Status}}', 'web'])) === 'healthy',
  );
  await ok(daemon, ['stop', 'web']);
  assert.equal(
    await ok(daemon, ['inspect', '-f', '{{.State.ExitCode}}', 'web']),
    '0',
    'stopped by its own signal',
  );

  const application = project({
    Dockerfile: [
      'FROM web:1 AS deps',
      'WORKDIR /opt/source-code',
      'COPY package.list ./',
      'RUN cat package.list | tr a-z A-Z | tee installed.list',
      'FROM deps AS build',
      'COPY . .',
      'RUN sh build.sh > program && chmod +x program',
      'FROM debian:12',
      'RUN useradd --uid 4711 --create-home app',
      'WORKDIR /opt/source-code',
      'COPY --from=build --chown=app /opt/source-code/program /opt/source-code/installed.list ./',
      'USER app',
      'ENTRYPOINT NAME=world ./program',
    ].join('\n'),
    'package.list': 'express\n',
    'build.sh': 'printf \'#!/bin/sh\\necho "hello $NAME as $(id -un) with $(cat installed.list)"\\n\'\n',
    'notes.md': 'first',
  });
  await ok(daemon, ['build', '-t', 'app', application]);
  assert.equal(await ok(daemon, ['run', '--rm', 'app']), 'hello world as app with EXPRESS');
  const again = await ok(daemon, ['build', '-t', 'app', application]);
  assert.equal(again.split(' ---> Using cache').length - 1, 10, again);
  const sizes = await Promise.all(
    ['app', 'web:1'].map(image => ok(daemon, ['image', 'inspect', '-f', '{{.Size}}', image])),
  );
  assert.ok(Number(sizes[0]) < Number(sizes[1]), `the last stage is small: ${sizes.join(' < ')}`);
});
