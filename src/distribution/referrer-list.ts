import * as v from 'valibot';
import { EngineError, isKind } from '#base/errors';
import type { Digest } from '#base/ids';
import { maybe, text, textMap } from '#spec/docker/lenient';
import { parseDocument } from '#spec/oci/json';
import { DigestText } from '#spec/oci/manifest';
import { getManifest, type ManifestRequest } from './manifest-request.ts';
import { referrerTag } from './referrer-tag.ts';
import type { Referrer } from './repository.ts';
import { jsonPages } from './tag-pages.ts';

const MOST_REFERRERS = 1000;

const ReferrerIndex = v.object({
  manifests: v.array(
    v.object({
      mediaType: text,
      digest: DigestText,
      size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      artifactType: maybe(v.string()),
      annotations: textMap,
    }),
  ),
});

/**
 * Manifests that say they are about `digest`: by the referrers API, or by the tag that stands in for it where the registry has
 * none (OCI distribution spec 1.1, "Referrers Tag Schema").
 */
export async function listReferrers(
  request: ManifestRequest & { readonly repositoryPath: string },
  digest: Digest,
  artifactType: string | undefined,
): Promise<Referrer[]> {
  const all = (await apiReferrers(request, digest)) ?? (await taggedReferrers(request, digest));
  // A registry may pass over what kind was asked for, and say the same twice.
  const wanted = all.filter(entry => artifactType === undefined || entry.artifactType === artifactType);
  return [...new Map(wanted.map(entry => [entry.digest, entry])).values()].slice(0, MOST_REFERRERS);
}

async function apiReferrers(
  {
    endpoint,
    repositoryPath,
    scopes,
    subject,
    signal,
  }: ManifestRequest & { readonly repositoryPath: string },
  digest: Digest,
): Promise<Referrer[] | undefined> {
  const found: Referrer[] = [];
  try {
    const path = `${repositoryPath}/referrers/${digest}`;
    for await (const page of jsonPages({ endpoint, path, scopes, subject, signal })) {
      const parsed = v.safeParse(ReferrerIndex, page);
      if (!parsed.success) return undefined;
      found.push(...parsed.output.manifests.map(referrer));
      if (found.length >= MOST_REFERRERS) return found;
    }
    return found;
  } catch (error) {
    if (error instanceof EngineError && ['notFound', 'forbidden', 'invalid'].includes(error.kind))
      return undefined;
    throw error;
  }
}

async function taggedReferrers(
  request: ManifestRequest & { readonly repositoryPath: string },
  digest: Digest,
): Promise<Referrer[]> {
  const name = referrerTag(digest);
  try {
    const path = `${request.repositoryPath}/manifests/${name}`;
    const { bytes } = await getManifest({ ...request, path, name });
    return parseDocument(ReferrerIndex, bytes, `referrers of ${digest}`).manifests.map(referrer);
  } catch (error) {
    if (isKind(error, 'notFound')) return [];
    throw error;
  }
}

function referrer(entry: v.InferOutput<typeof ReferrerIndex>['manifests'][number]): Referrer {
  return { ...entry, artifactType: entry.artifactType ?? '' };
}
