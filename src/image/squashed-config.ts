import type { Digest } from '#base/ids';
import { parseImageConfig } from '#spec/oci/image-config';

export interface SquashFacts {
  /** so many of the lowest layers stay */
  readonly kept: number;
  /** how many there were */
  readonly layers: number;
  /** of the new image */
  readonly diffIds: readonly Digest[];
  readonly source: Digest;
}

/**
 * The configuration of an image whose upper layers became one. What it says about running stays, also what nobody here knows;
 * the history too, with an entry more that has the layer.
 */
export function squashedConfig(config: Buffer, { kept, layers, diffIds, source }: SquashFacts): Buffer {
  // Parsed and found to be an object when the image came.
  const document = JSON.parse(config.toString()) as Record<string, unknown>;
  const known = parseImageConfig(config).history;
  const created = new Date().toISOString();
  let seen = 0;
  const history: object[] = known.map(entry => {
    const { empty_layer: isEmpty, ...rest } = entry;
    const hasLayer = !isEmpty && seen++ < kept;
    return { ...withoutBlank(rest), ...(hasLayer ? {} : { empty_layer: true }) };
  });
  // Of an image that tells less than it has: each layer that stays needs an entry.
  while (seen < kept) {
    history.push({ created });
    seen += 1;
  }
  history.push({
    created,
    created_by: 'image squash',
    comment: `squashed ${layers - kept} layers of ${source}`,
  });
  return Buffer.from(
    JSON.stringify({ ...document, created, rootfs: { type: 'layers', diff_ids: diffIds }, history }),
  );
}

export function withoutBlank(entry: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== ''));
}
