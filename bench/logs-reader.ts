/**
 * How fast a log is turned into what `docker logs` reads: MB of text a second, by kind of request.
 *
 *     node bench/logs-reader.ts [MB of text] [bytes a line]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatRecord } from '#runtime/log/fake-log-writer';
import { type LogQuery, readLogs } from '#runtime/log/read-logs';
import { summarize } from './statistics.ts';

const RUNS = 5;
const PLAIN: LogQuery = {
  stdout: true,
  stderr: true,
  hasTimestamps: false,
  isFollowing: false,
  isRaw: false,
  sharesFrames: true,
};
const QUERIES: Readonly<Record<string, LogQuery>> = {
  frames: PLAIN,
  'raw (terminal)': { ...PLAIN, isRaw: true },
  since: { ...PLAIN, sinceNanos: 1n },
  'stderr only': { ...PLAIN, stdout: false },
  timestamps: { ...PLAIN, hasTimestamps: true },
  'tail 1000': { ...PLAIN, tail: 1000 },
};

const megabytes = Number(process.argv[2] ?? 200);
const lineBytes = Number(process.argv[3] ?? 40);
const folder = mkdtempSync(join(tmpdir(), 'quai-bench-log-'));
try {
  const path = join(folder, 'ctr.log');
  writeLog(path);
  console.log(`${megabytes} MB of ${lineBytes}-byte lines, median of ${RUNS} runs`);
  for (const [name, query] of Object.entries(QUERIES)) {
    const times = [];
    for (let run = 0; run < RUNS; run += 1) times.push(await timeOf(path, query));
    const { median: ms } = summarize(times);
    console.log(
      `${name.padEnd(16)} ${ms.toFixed(1).padStart(8)} ms ${((megabytes * 1000) / ms).toFixed(0).padStart(8)} MB/s`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}

function writeLog(path: string): void {
  const text = 'a'.repeat(lineBytes - 1);
  const record = { stream: 'stdout', atNanos: 1_795_248_420_242_950_316n, isFull: true, text } as const;
  const megabyte = formatRecord(record).repeat(Math.round(1e6 / lineBytes));
  for (let written = 0; written < megabytes; written += 1) writeFileSync(path, megabyte, { flag: 'a' });
}

async function timeOf(path: string, query: LogQuery): Promise<number> {
  const start = performance.now();
  for await (const _chunk of readLogs(path, query, { ended: Promise.resolve() })) continue;
  return performance.now() - start;
}
