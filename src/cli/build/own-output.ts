import type { Json } from '#client/json';
import type { CliContext } from '../context.ts';
import { humanSize } from '../format/human.ts';
import { LinesInPlace } from '../terminal/lines-in-place.ts';
import { failureIn } from './build-failure.ts';
import { BuildProgress } from './build-progress.ts';
import { buildScreen, type Shown } from './build-screen.ts';

const FRAME_MS = 100;
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

/**
 * Shows a build of our own engine on a terminal, in lines that change in place. `sentBytes` tells how much of the context was
 * sent; `undefined` when there is none, or all of it is.
 *
 * @returns the image's identifier. @throws {BuildFailure}
 */
export async function showOwn(
  messages: AsyncIterable<Json>,
  { stderr, env, now }: Pick<CliContext, 'stderr' | 'env' | 'now'>,
  { sentBytes, signal }: { readonly sentBytes: () => number | undefined; readonly signal: AbortSignal },
): Promise<string> {
  const progress = new BuildProgress();
  const screen = new LinesInPlace(stderr);
  const startedAt = now();
  const style = { isColoured: !env['NO_COLOR'] };
  const draw = (outcome?: Shown['outcome']): void => {
    const size = { columns: stderr.columns ?? USUAL_COLUMNS, rows: stderr.rows ?? USUAL_ROWS };
    const sent = outcome === undefined ? sentBytes() : undefined;
    const sending = sent === undefined ? '' : humanSize(sent, 3);
    const { vertices } = progress;
    screen.show(
      buildScreen({ vertices, sending, startedAt, now: now(), ...(outcome ? { outcome } : {}) }, size, style),
    );
  };
  const timer = setInterval(() => draw(), FRAME_MS);
  try {
    for await (const message of messages) {
      const failure = failureIn(message);
      if (failure) {
        draw('failed');
        throw failure;
      }
      progress.take(message);
    }
    draw('built');
  } catch (error) {
    if (signal.aborted) {
      progress.cancel(now());
      draw('cancelled');
    }
    throw error;
  } finally {
    clearInterval(timer);
  }
  for (const line of lastLines(progress)) stderr.write(`${line}\n`);
  return progress.imageId;
}

function lastLines({ warnings, tags, imageId }: BuildProgress): string[] {
  const image = imageId.replace(/^sha256:/, '').slice(0, 12);
  return [
    ...warnings.map(warning => `Warning: ${warning}`),
    tags.length > 0 ? `Image ${image}: ${tags.join(', ')}` : `Image ${image}`,
  ];
}
