import { execFileSync } from 'node:child_process';
import { createReadStream, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dockerArchive, type LayerEntry, sharedFixture, writeShared } from '../test/support/image-archive.ts';
import type { Target } from './target.ts';

export const NETWORK_IMAGE = 'quai-bench-network';
export const IPERF_PORT = 5201;
export const WEB_PORT = 8080;
/** what the web server gives */
export const PAGE_BYTES = 1024;

const PROGRAMS = { busybox: '/bin/busybox', iperf3: '/usr/bin/iperf3', nginx: '/usr/sbin/nginx' };
/** Of one process that logs nothing. @param root holds `index.html`; @param scratch where it may write */
export function nginxConf(root: string, scratch: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    kind => `${kind}_temp_path ${scratch};`,
  );
  return `daemon off; master_process off; pid ${scratch}/pid; error_log /dev/null; worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 10000000; ${temporary.join(' ')}
  server { listen ${WEB_PORT}; root ${root}; } }
`;
}

/** Gives the engine an image of this machine's own nginx and iperf3, with the libraries they are linked to. */
export async function loadNetworkImage(on: Target): Promise<void> {
  const archive = sharedFixture(`bench-network-${process.pid}.tar`);
  await writeShared(archive, dockerArchive([{ tags: [`${NETWORK_IMAGE}:latest`], layers: [entries()] }]));
  try {
    await on.client.text('POST', '/images/load', {
      headers: { 'Content-Type': 'application/x-tar' },
      body: createReadStream(archive),
    });
  } finally {
    rmSync(archive, { force: true });
  }
}

function entries(): LayerEntry[] {
  const files = new Map<string, Buffer>();
  for (const program of Object.values(PROGRAMS)) {
    files.set(program, readFileSync(program));
    for (const library of librariesOf(program)) files.set(library, readFileSync(realpathSync(library)));
  }
  files.set('/bin/sh', readFileSync(PROGRAMS.busybox));
  files.set('/etc/passwd', Buffer.from('root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n'));
  files.set('/etc/group', Buffer.from('root:x:0:\nnogroup:x:65534:\n'));
  files.set('/etc/nginx.conf', Buffer.from(nginxConf('/www', '/tmp')));
  files.set('/www/index.html', Buffer.alloc(PAGE_BYTES, 'x'));
  return [
    { path: 'tmp', type: 'directory', mode: 0o1777 },
    { path: 'var/log/nginx', type: 'directory', mode: 0o755 },
    { path: 'var/lib/nginx', type: 'directory', mode: 0o755 },
    ...[...files].map(([path, content]) => ({ path: path.slice(1), mode: 0o755, content })),
  ];
}

function librariesOf(program: string): string[] {
  try {
    const listed = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...listed.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  } catch {
    return []; // linked statically
  }
}
