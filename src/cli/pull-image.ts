import type { CliContext } from './context.ts';
import { parseImageName } from './image-name.ts';
import { showProgress } from './terminal/progress.ts';

/** Downloads an image through the engine. Progress goes to stderr, so that a container's ID or output stays alone on stdout. */
export async function pullImage(
  { client, stderr }: CliContext,
  image: string,
  { platform, quiet }: { readonly platform: string; readonly quiet: boolean },
): Promise<void> {
  const { repository, tag, digest } = parseImageName(image);
  const query = { fromImage: repository, tag: digest || tag || 'latest', platform: platform || undefined };
  await showProgress(client.lines('POST', '/images/create', { query }), stderr, { quiet });
}

/** With the tag that is meant when none is written: `busybox:latest`. @throws {EngineError} `invalid`. */
export function fullName(image: string): string {
  const { repository, tag, digest } = parseImageName(image);
  return digest ? `${repository}@${digest}` : `${repository}:${tag || 'latest'}`;
}
