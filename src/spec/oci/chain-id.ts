import { createHash } from 'node:crypto';
import type { Digest } from '#base/ids';

/** Names of the stacks that layers make, lowest first (OCI image spec, "Layer ChainID"). */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  let below: Digest | undefined;
  return diffIds.map(diffId => {
    below = below === undefined ? diffId : sha256(`${below} ${diffId}`);
    return below;
  });
}

function sha256(text: string): Digest {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
