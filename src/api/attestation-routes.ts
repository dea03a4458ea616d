import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { Attachment } from '#distribution/attachment';
import { readWhole } from '#http/read-whole';
import { type BytesReply, reply } from '#http/reply';
import { type Route, type RouteRequest, route } from '#http/route';
import type { Attestation } from '#image/attestation/attestation-reader';
import type { ImageService } from '#image/image-service';
import { queryFlag, queryList, queryPlatform, queryPlatforms, queryText } from '#spec/docker/query';
import { mayHoldStatement, parseStatement, statementMediaType } from '#spec/oci/statement';
import { parseReference } from '#spec/reference';
import { sentCredentials } from './registry-credentials.ts';
import type { RegistryApi } from './registry-routes.ts';

export interface AttestationRouteDeps {
  readonly images: Pick<ImageService, 'attestations' | 'attestationsAt'>;
  readonly registries: Pick<RegistryApi, 'repository' | 'attach'>;
}

const ImageQuery = v.object({ platform: queryPlatforms, type: queryList, statement: queryFlag });
const RegistryQuery = v.object({
  name: queryText,
  platform: queryPlatform,
  type: queryList,
  statement: queryFlag,
});

/** What is said about images: attestations, signatures, bills of materials, whatever refers to them. */
export function attestationRoutes({ images, registries }: AttestationRouteDeps): Route[] {
  return [
    route('GET', '/images/{name}/attestations', { query: ImageQuery }, async request => {
      const { params, query } = request;
      const [platform, ...others] = query.platform;
      if (others.length > 0) throw new EngineError('invalid', 'only one platform may be given');
      const options = lookOptions({ ...query, platform }, request);
      return verbatimReply(await images.attestations(params.name, options));
    }),
    route('GET', '/quai/images/{name}/attestations', { query: RegistryQuery }, async request => {
      const { name } = request.params;
      const found = await images.attestations(name, lookOptions(request.query, request));
      return reply.json({ Name: name, Attestations: found.map(attestationToWire) });
    }),
    route('GET', '/quai/registry/attestations', { query: RegistryQuery }, async request => {
      const { name } = request.query;
      const found = await images.attestationsAt(parseReference(name), lookOptions(request.query, request));
      return reply.json({ Name: name, Attestations: found.map(attestationToWire) });
    }),
    route(
      'GET',
      '/quai/registry/referrers',
      { query: v.object({ name: queryText, type: queryText }) },
      async request => {
        const { query, headers, signal } = request;
        const reference = parseReference(query.name);
        const repository = registries.repository(reference, sentCredentials(headers));
        const subject = await repository.resolve(reference.digest ?? reference.tag ?? 'latest', { signal });
        const artifactType = query.type === '' ? {} : { artifactType: query.type };
        const referrers = await repository.referrers(subject.digest, { signal, ...artifactType });
        return reply.json({ Name: query.name, Subject: subject, Referrers: referrers });
      },
    ),
    route('POST', '/quai/registry/referrers', { query: AttachQuery }, async request => {
      const { query, headers, bytes, signal } = request;
      const place = {
        reference: parseReference(query.name),
        credentials: sentCredentials(headers),
      };
      const whole = await readWhole(bytes, { maxBytes: MAX_ATTACHMENT_BYTES, tooLarge });
      const attachment = attachmentOf(query, whole);
      return reply.created({ Digest: await registries.attach(place, attachment, { signal }) });
    }),
  ];
}

/** What is looked for, and in whose name. */
function lookOptions(
  { platform, type: types, statement: withStatements }: Omit<v.InferOutput<typeof RegistryQuery>, 'name'>,
  { headers, signal }: Pick<RouteRequest<unknown, unknown, unknown>, 'headers' | 'signal'>,
) {
  const credentials = sentCredentials(headers);
  return { types, withStatements, credentials, signal, ...(platform ? { platform } : {}) };
}

const AttachQuery = v.object({ name: queryText, type: queryText, annotation: queryList });
/** As much as is read back. */
const MAX_ATTACHMENT_BYTES = 8 * 1024 * 1024;
const MEDIA_TYPE = /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}$/i;

function tooLarge(): EngineError {
  return new EngineError('invalid', `what is attached is larger than ${MAX_ATTACHMENT_BYTES} bytes`);
}

/** Attestations tell themselves what they are, and must be some when they are said to be. */
function attachmentOf({ type, annotation }: v.InferOutput<typeof AttachQuery>, bytes: Buffer): Attachment {
  if (type !== '' && !MEDIA_TYPE.test(type))
    throw new EngineError('invalid', `${JSON.stringify(type)} is no media type`);
  const annotations = Object.fromEntries(annotation.map(annotationOf));
  if (type !== '' && !mayHoldStatement(type)) return { type, bytes, annotations, blobAnnotations: {} };
  const statement = parseStatement(bytes, 'what is attached');
  const blobAnnotations = { 'in-toto.io/predicate-type': statement.predicateType };
  return { type: type || statementMediaType(statement), bytes, annotations, blobAnnotations };
}

function annotationOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new EngineError('invalid', `${JSON.stringify(text)} is no annotation: it must look like name=value`);
}

/** Engine API `AttestationStatement`s. A statement stays as it was signed, byte for byte: it is not written anew. */
function verbatimReply(found: readonly Attestation[]): BytesReply {
  const items = found.map(({ descriptor, predicateType, bytes }) => {
    const head = JSON.stringify({ Descriptor: descriptor, PredicateType: predicateType });
    return bytes ? `${head.slice(0, -1)},"Statement":${bytes.toString()}}` : head;
  });
  return { ...reply.json([]), body: `[${items.join(',')}]\n` };
}

function attestationToWire(one: Attestation) {
  const { descriptor, manifest, about, predicateType, form, bytes, signatures, isAboutIt, problem } = one;
  return {
    Descriptor: descriptor,
    Manifest: manifest,
    About: about,
    PredicateType: predicateType,
    ...(form === undefined ? {} : { Form: form, Signatures: signatures ?? 0 }),
    ...(isAboutIt === undefined ? {} : { IsAboutIt: isAboutIt }),
    ...(problem === undefined ? {} : { Problem: problem }),
    ...(bytes ? { Raw: bytes.toString('base64') } : {}),
  };
}
