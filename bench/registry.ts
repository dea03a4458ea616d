import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { TestRegistry } from '../test/support/registry.ts';
import { RegistryProcess } from '../test/support/registry-process.ts';
import { table } from './report.ts';
import { summarize } from './statistics.ts';

const USAGE = `Usage: npm run bench:registry -- [--rounds N] [--megabytes N]

Push and pull of one image (4 layers, 200 MB together) to and from our registry and Debian's docker-registry, both on this machine, by
turns, each with an empty folder per round. Wants docker-registry, skopeo and curl. Medians (p90), and how many times better ours is.
`;

const run = promisify(execFile);
const LAYERS = 4;
const MB = 1_000_000;
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const TICKS_PER_SECOND = 100;

/** A registry that runs, and what it has worked so far. */
interface Running extends AsyncDisposable {
  readonly host: string;
  readonly pid: number;
}

const STARTERS: Readonly<Record<string, (folder: string) => Promise<Running>>> = {
  ours: folder => RegistryProcess.start(folder),
  'docker-registry': () => TestRegistry.start(),
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    megabytes: { type: 'string', default: '200' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else await main(Number(values.rounds), Number(values.megabytes) * MB);

async function main(rounds: number, bytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quai-bench-registry-'));
  try {
    const image = makeImage(join(folder, 'image'), bytes);
    const names = Object.keys(STARTERS);
    const figures = new Map<string, number[]>();
    for (let round = -1; round < rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(turn + round + names.length) % names.length] ?? '';
        const measured = await oneRound(name, image, join(folder, 'data'));
        if (round < 0) continue; // warms up
        for (const [row, figure] of Object.entries(measured)) {
          figures.set(`${row}\n${name}`, [...(figures.get(`${row}\n${name}`) ?? []), figure]);
        }
      }
    }
    const rows = [...new Set([...figures.keys()].map(key => key.split('\n')[0] ?? ''))];
    const results = rows.map(row => ({
      row: { name: row, unit: 's', isRate: false },
      engines: Object.fromEntries(names.map(name => [name, summarize(figures.get(`${row}\n${name}`) ?? [])])),
    }));
    process.stdout.write(`${table(results, names)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface BenchImage {
  readonly folder: string;
  readonly layer: { readonly path: string; readonly digest: string };
}

/** What a registry takes for each thing, in seconds; and the processor time of its own. */
async function oneRound(name: string, image: BenchImage, data: string): Promise<Record<string, number>> {
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  execFileSync('sync');
  await using registry = await (STARTERS[name]?.(join(data, 'registry')) ?? Promise.reject(new Error(name)));
  const { host, pid } = registry;
  const target = `docker://${host}/bench/image:1`;
  const copy = join(data, 'copy');
  const figures: Record<string, number> = {};
  const measure = async (row: string, work: () => Promise<unknown>): Promise<void> => {
    const [cpu, begun] = [processorSeconds(pid), performance.now()];
    await work();
    figures[row] = (performance.now() - begun) / 1000;
    figures[`${row}: processor`] = processorSeconds(pid) - cpu;
  };
  await measure('push (skopeo)', () =>
    run('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${image.folder}:1`, target]),
  );
  execFileSync('sync');
  await measure('pull (skopeo)', () =>
    run('skopeo', ['copy', '-q', '--src-tls-verify=false', target, `dir:${copy}`]),
  );
  await measure('one blob up (curl)', () => upload(host, image.layer));
  await measure('one blob down (curl)', () =>
    run('curl', ['-sfo', '/dev/null', `http://${host}/v2/bench/curl/blobs/${image.layer.digest}`]),
  );
  await measure('one blob down, 8 times at once (curl)', () =>
    Promise.all(
      Array.from({ length: 8 }, () =>
        run('curl', ['-sfo', '/dev/null', `http://${host}/v2/bench/curl/blobs/${image.layer.digest}`]),
      ),
    ),
  );
  await measure('a manifest, 1000 times on one connection (curl)', () =>
    run('curl', [
      '-sf',
      '-H',
      `Accept: ${OCI_MANIFEST}`,
      `http://${host}/v2/bench/image/manifests/1?[1-1000]`,
      '-o',
      '/dev/null',
    ]),
  );
  return figures;
}

async function upload(host: string, { path, digest }: BenchImage['layer']): Promise<void> {
  const begun = await fetch(`http://${host}/v2/bench/curl/blobs/uploads/`, { method: 'POST' });
  const place = new URL(begun.headers.get('location') ?? '', begun.url);
  place.searchParams.set('digest', digest);
  await run('curl', ['-sf', '-T', path, '-H', 'Content-Type: application/octet-stream', place.href]);
}

/** utime and stime of proc_pid_stat(5) */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** An OCI layout of layers that nobody can compress. */
function makeImage(folder: string, bytes: number): BenchImage {
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (content: Buffer, mediaType: string) => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(blobs, hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const layers = Array.from({ length: LAYERS }, () =>
    put(randomFillSync(Buffer.alloc(bytes / LAYERS)), 'application/vnd.oci.image.layer.v1.tar+gzip'),
  );
  const config = put(
    Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'),
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = OCI_MANIFEST;
  const manifest = put(
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers })),
    mediaType,
  );
  const annotations = { 'org.opencontainers.image.ref.name': '1' };
  writeFileSync(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const digest = layers[0]?.digest ?? '';
  return { folder, layer: { path: join(blobs, digest.slice('sha256:'.length)), digest } };
}
