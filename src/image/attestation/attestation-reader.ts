import { EngineError, isKind, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import type { ContentDescriptor, FetchedManifest } from '#distribution/repository';
import { type Descriptor, type Manifest, parseManifest } from '#spec/oci/manifest';
import {
  announcedPredicateType,
  mayHoldStatement,
  parseStatement,
  type Statement,
  type StatementForm,
} from '#spec/oci/statement';
import { ABOUT_ANNOTATION, isAttestation } from '../manifest-views.ts';

/** One statement about an image. */
export interface Attestation {
  readonly descriptor: ContentDescriptor;
  /** of the manifest that holds it */
  readonly manifest: Digest;
  /** the manifest or index that it is attached to */
  readonly about: Digest;
  /** empty when it could not be read: see `problem` */
  readonly predicateType: string;
  /** what came of reading the blob; absent: it was not read */
  readonly form?: StatementForm;
  /** the statement itself, byte for byte; only when asked for */
  readonly bytes?: Buffer;
  /** signatures that come along; not verified */
  readonly signatures?: number;
  /** whether the statement names what it is attached to; absent: it was not read, or names nothing */
  readonly isAboutIt?: boolean;
  /** why it could not be read */
  readonly problem?: string;
}

/** A manifest whose layers may be statements. */
export interface AttestationManifest {
  readonly digest: Digest;
  readonly about: Digest;
}

/** Where manifests and blobs come from: here, or a registry. */
export interface AttestationSource {
  manifest(digest: Digest): Promise<FetchedManifest>;
  /** @throws {EngineError} `invalid` when it is too large. */
  blob(descriptor: ContentDescriptor): Promise<Buffer>;
}

export interface AttestationQuery {
  /** only these predicate types; empty: all */
  readonly types: readonly string[];
  /** the statements themselves as well */
  readonly withStatements: boolean;
}

const MOST_MANIFESTS = 100;
const MOST_STATEMENTS = 200;
/** of all blobs that one question reads; one may have 8 MiB */
const MOST_BYTES = 32 * 1024 * 1024;

/** The statements of some manifests, within bounds. What cannot be read is listed with the reason. */
export class AttestationReader {
  readonly #source: AttestationSource;
  readonly #query: AttestationQuery;
  readonly #found: Attestation[] = [];
  #bytesLeft = MOST_BYTES;

  constructor(source: AttestationSource, query: AttestationQuery) {
    this.#source = source;
    this.#query = query;
  }

  /** @throws {EngineError} when a manifest cannot be had; `invalid` for more than anyone attaches. */
  async read(manifests: readonly AttestationManifest[]): Promise<Attestation[]> {
    if (manifests.length > MOST_MANIFESTS) throw tooMany(`${manifests.length} manifests`, MOST_MANIFESTS);
    for (const manifest of manifests) await this.#readManifest(manifest);
    return this.#found;
  }

  async #readManifest({ digest, about }: AttestationManifest): Promise<void> {
    const { bytes, descriptor } = await this.#source.manifest(digest);
    const document = parseManifest(bytes, descriptor.mediaType, `manifest ${digest}`);
    if (document.kind !== 'manifest') return;
    const { layers, annotations } = document.manifest;
    for (const layer of layers.filter(({ mediaType }) => mayHoldStatement(mediaType))) {
      const announced = announcedPredicateType(layer, annotations);
      if (announced !== '' && !this.#isWanted(announced)) continue;
      const { mediaType, digest: blob, size } = layer;
      const place = { descriptor: { mediaType, digest: blob, size }, manifest: digest, about };
      const found =
        announced !== '' && !this.#query.withStatements
          ? { ...place, predicateType: announced }
          : { ...place, ...(await this.#readBlob(layer, announced, about)) };
      if (found.predicateType !== '' && !this.#isWanted(found.predicateType)) continue;
      if (this.#found.push(found) > MOST_STATEMENTS) throw tooMany('more statements', MOST_STATEMENTS);
    }
  }

  async #readBlob(
    layer: Manifest['layers'][number],
    announced: string,
    about: Digest,
  ): Promise<Omit<Attestation, 'descriptor' | 'manifest' | 'about'>> {
    if (layer.size > this.#bytesLeft) {
      return {
        predicateType: announced,
        problem: `not read: all together are larger than ${MOST_BYTES} bytes`,
      };
    }
    try {
      const blob = await this.#source.blob(layer);
      this.#bytesLeft -= blob.length;
      return readStatement(parseStatement(blob, `blob ${layer.digest}`), announced, about, this.#query);
    } catch (error) {
      if (!isKind(error, 'invalid', 'dataLoss', 'notFound')) throw error;
      return { predicateType: announced, problem: messageOf(error) };
    }
  }

  #isWanted(predicateType: string): boolean {
    const { types } = this.#query;
    return types.length === 0 || types.includes(predicateType);
  }
}

function readStatement(
  { form, predicateType, bytes, signatures, subjects }: Statement,
  announced: string,
  about: Digest,
  { withStatements }: AttestationQuery,
): Omit<Attestation, 'descriptor' | 'manifest' | 'about'> {
  if (announced !== '' && announced !== predicateType) {
    const problem = `announced as ${announced}, but it is ${predicateType}`;
    return { predicateType, form, signatures, problem };
  }
  return {
    predicateType,
    form,
    signatures,
    ...(withStatements ? { bytes } : {}),
    ...(subjects.length > 0 ? { isAboutIt: subjects.includes(about.slice('sha256:'.length)) } : {}),
  };
}

/** Of an index: what BuildKit puts beside the images, for one of them. */
export function attestationsInIndex(entries: readonly Descriptor[], about: Digest): AttestationManifest[] {
  return entries
    .filter(({ annotations }) => isAttestation(annotations) && annotations[ABOUT_ANNOTATION] === about)
    .map(({ digest }) => ({ digest, about }));
}

function tooMany(what: string, limit: number): EngineError {
  return new EngineError(
    'invalid',
    `the attestations are not read: there are ${what}, and ${limit} are the most`,
  );
}
