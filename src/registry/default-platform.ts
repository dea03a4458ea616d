import type { Digest } from '#base/ids';
import { parseManifest } from '#spec/oci/manifest';

/** The image in an index for whoever cannot choose: `linux/amd64`, as distribution has it. */
export function choosePlatform(index: Buffer): Digest | undefined {
  const document = parseManifest(index, '', 'the index');
  if (document.kind !== 'index') return undefined;
  const found = document.index.manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64',
  );
  return found?.digest;
}
