import { canonicalName, canonicalReference, familiarReference, parseReference } from '#spec/reference';
import type { CliContext, OutputStream } from './context.ts';
import { authHeader } from './credentials/auth-header.ts';
import { withPullHint } from './pull-hint.ts';
import { showProgress } from './terminal/progress.ts';

export interface PullOptions {
  readonly platform: string;
  readonly quiet: boolean;
  readonly allTags?: boolean;
}

/** Downloads an image through the engine, with the credentials for its registry. Progress goes to `out`. */
export async function pullImage(
  context: CliContext,
  image: string,
  { platform, quiet, allTags }: PullOptions,
  out: OutputStream,
): Promise<void> {
  const reference = parseReference(image);
  const query = {
    fromImage: canonicalName(reference),
    tag: allTags ? undefined : (reference.digest ?? reference.tag),
    platform: platform.toLowerCase() || undefined,
  };
  const headers = await authHeader(context, reference.domain);
  await withPullHint(context, reference, () =>
    showProgress(context.client.lines('POST', '/images/create', { query, headers }), out, { quiet }),
  );
}

/** With the tag that is meant when none is written: `busybox:latest`. @throws {EngineError} `invalid`. */
export function fullName(image: string): string {
  return familiarReference(parseReference(image));
}

/** With the registry: `docker.io/library/busybox:latest`. @throws {EngineError} `invalid`. */
export function canonicalFullName(image: string): string {
  return canonicalReference(parseReference(image));
}
