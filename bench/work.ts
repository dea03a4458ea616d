import { docker, dockerCounted, loadImage, type Target } from './target.ts';

const RUNS = 40;
const AT_ONCE = 10;
const EXECS = 20;
const LOG_BYTES = 200_000_000;

/** What engines do all day: 50 containers that are run and removed, ten of them at once; 20 execs; a log of 200 MB that is read. */
export async function workAWhile(on: Target): Promise<void> {
  await loadImage(on);
  for (let run = 0; run < RUNS; run += 1) await docker(on, ['run', '--rm', 'busybox', 'true']);
  const names = Array.from({ length: AT_ONCE }, (_, index) => `quai-bench-${on.name}-${index}`);
  const [first = ''] = names;
  try {
    await Promise.all(
      names.map(name => docker(on, ['run', '--detach', '--name', name, 'busybox', 'sleep', '1000'])),
    );
    for (let exec = 0; exec < EXECS; exec += 1) await docker(on, ['exec', first, 'true']);
  } finally {
    await docker(on, ['rm', '--force', ...names]);
  }
  const talker = `quai-bench-${on.name}-talker`;
  const talk = `yes 123456789012345678901234567890123456789 | head -c ${LOG_BYTES}`;
  try {
    await docker(on, ['run', '--name', talker, '--log-opt', 'max-size=1g', 'busybox', 'sh', '-c', talk]);
    const { bytes } = await dockerCounted(on, ['logs', talker]);
    if (bytes !== LOG_BYTES) throw new Error(`${on.name}: ${bytes} bytes of log instead of ${LOG_BYTES}`);
  } finally {
    await docker(on, ['rm', '--force', talker]);
  }
}
