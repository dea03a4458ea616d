import { digestOf } from '#base/ids';

const EMPTY = Buffer.from('{}');

/** The configuration of artifacts that have none (OCI image spec 1.1, "Guidance for an Empty Descriptor"). */
export const EMPTY_CONFIG = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: digestOf(EMPTY),
  size: EMPTY.length,
  bytes: EMPTY,
} as const;
