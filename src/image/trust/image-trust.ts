import type { Abortable } from '#base/abortable';
import { EngineError, orNone } from '#base/errors';
import type { Digest } from '#base/ids';
import { cosignTag } from '#distribution/referrer-tag';
import type { ContentDescriptor, Repository } from '#distribution/repository';
import { type Manifest, parseManifest } from '#spec/oci/manifest';
import { familiarReference, parseName, type Reference } from '#spec/reference';
import { isSignedBy, type Signature } from './signature.ts';
import type { SignatureTable } from './signature-table.ts';
import type { TrustPolicy, TrustRule } from './trust-policy.ts';

const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
const MAX_PAYLOAD_BYTES = 64 * 1024;
const MAX_SIGNATURES = 50;
const MAX_REFERRERS = 20;

/** Holds images against the trust policy: when they are pulled, and when a container is made of them. */
export class ImageTrust {
  readonly #policy: TrustPolicy;
  readonly #table: SignatureTable;

  constructor({ policy, table }: { readonly policy: TrustPolicy; readonly table: SignatureTable }) {
    this.#policy = policy;
    this.#table = table;
  }

  /**
   * Asks the registry for signatures of what a name stands for, where the policy wants one, and keeps those that count.
   *
   * @throws {EngineError} `forbidden`.
   */
  async checkPull(
    reference: Reference,
    digest: Digest,
    repository: Repository,
    options: Abortable,
  ): Promise<void> {
    const rule = this.#policy.ruleFor(reference);
    if (!rule || rule.wants === 'nothing') return;
    if (rule.wants === 'refusal') throw refused(familiarReference(reference), rule);
    if (this.#isKnown(digest, rule)) return;
    for await (const signature of signaturesAt(repository, digest, options)) {
      if (!isSignedBy(signature, digest, rule.keys)) continue;
      this.#table.add(digest, signature);
      return;
    }
    throw unsigned(familiarReference(reference), digest, rule);
  }

  /**
   * Whether an image may run: for each of its names that the policy has a rule for; without a name, by the rule for all.
   *
   * @param targets manifests and indexes that the image is of
   * @throws {EngineError} `forbidden`.
   */
  checkRun(id: Digest, names: readonly string[], targets: readonly Digest[]): void {
    for (const [name, rule] of this.#rulesFor(id, names)) {
      if (rule.wants === 'refusal') throw refused(name, rule);
      if (!targets.some(target => this.#isKnown(target, rule))) throw unsigned(name, targets[0], rule);
    }
  }

  #rulesFor(id: Digest, names: readonly string[]): [name: string, rule: TrustRule][] {
    const ruled =
      names.length > 0
        ? names.map(name => [name, this.#policy.ruleFor(parseName(name))] as const)
        : [[id, this.#policy.ruleForNameless()] as const];
    return ruled.flatMap(([name, rule]) =>
      rule && rule.wants !== 'nothing' ? [[name, rule] as [string, TrustRule]] : [],
    );
  }

  #isKnown(digest: Digest, { keys }: TrustRule): boolean {
    return this.#table.of(digest).some(signature => isSignedBy(signature, digest, keys));
  }
}

/** Where cosign puts them: under a tag made of the digest, and as referrers of it. */
async function* signaturesAt(
  repository: Repository,
  digest: Digest,
  options: Abortable,
): AsyncGenerator<Signature> {
  yield* inManifest(repository, cosignTag(digest, 'sig'), options);
  const referrers = await orNoSignature(repository.referrers(digest, options));
  for (const referrer of (referrers ?? []).slice(0, MAX_REFERRERS)) {
    yield* inManifest(repository, referrer.digest, options);
  }
}

async function* inManifest(
  repository: Repository,
  name: string,
  options: Abortable,
): AsyncGenerator<Signature> {
  const found = await orNoSignature(repository.manifest(name, options));
  const layers = found ? layersOf(found.bytes, found.descriptor.mediaType) : [];
  const signed = layers.filter(
    ({ mediaType, size }) => mediaType === PAYLOAD_TYPE && size <= MAX_PAYLOAD_BYTES,
  );
  for (const layer of signed.slice(0, MAX_SIGNATURES)) {
    const signature = layer.annotations[SIGNATURE_ANNOTATION];
    if (signature === undefined) continue;
    const payload = await orNoSignature(repository.blob(layer as ContentDescriptor, options));
    if (payload) yield { payload, signature: Buffer.from(signature, 'base64') };
  }
}

function layersOf(bytes: Buffer, mediaType: string): Manifest['layers'] {
  try {
    const document = parseManifest(bytes, mediaType, 'a signature');
    return document.kind === 'manifest' ? document.manifest.layers : [];
  } catch {
    return []; // an attestation, or something else that refers to the image
  }
}

/** What is not there is no signature; a registry that cannot be asked is an error. */
async function orNoSignature<T>(work: Promise<T>): Promise<T | undefined> {
  return await orNone(work, 'notFound', 'invalid', 'dataLoss');
}

function refused(name: string, { prefix }: TrustRule): EngineError {
  return new EngineError(
    'forbidden',
    `${name} is refused by the trust policy of this engine (rule for "${prefix}")`,
  );
}

function unsigned(name: string, digest: Digest | undefined, { prefix, keys }: TrustRule): EngineError {
  const count = keys.length === 1 ? 'the key' : `one of the ${keys.length} keys`;
  return new EngineError(
    'forbidden',
    `${name}${digest === undefined ? '' : ` (${digest})`} is not signed with ${count} that the trust policy ` +
      `of this engine requires for "${prefix}": sign it, and pull it again`,
  );
}
