import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type BytesReply, reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { Attestation } from '#image/attestation/attestation-reader';
import type { ImageService } from '#image/image-service';
import { queryFlag, queryList, queryPlatform, queryPlatforms, queryText } from '#spec/docker/query';
import { registryAuthOf } from '#spec/docker/registry-auth';
import { parseReference } from '#spec/reference';
import { credentialsOf } from './registry-credentials.ts';
import type { RegistryApi } from './registry-routes.ts';

export interface AttestationRouteDeps {
  readonly images: Pick<ImageService, 'attestations' | 'attestationsAt'>;
  readonly registries: Pick<RegistryApi, 'repository'>;
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
      const { params, query, headers, signal } = request;
      const [platform, ...others] = query.platform;
      if (others.length > 0) throw new EngineError('invalid', 'only one platform may be given');
      const found = await images.attestations(params.name, {
        ...(platform ? { platform } : {}),
        types: query.type,
        withStatements: query.statement,
        credentials: credentialsOf(registryAuthOf(headers)),
        signal,
      });
      return verbatimReply(found);
    }),
    route('GET', '/quai/registry/attestations', { query: RegistryQuery }, async request => {
      const { query, headers, signal } = request;
      const { name, platform, type: types, statement: withStatements } = query;
      const credentials = credentialsOf(registryAuthOf(headers));
      const options = { types, withStatements, credentials, signal, ...(platform ? { platform } : {}) };
      const found = await images.attestationsAt(parseReference(name), options);
      return reply.json({ Name: name, Attestations: found.map(attestationToWire) });
    }),
    route(
      'GET',
      '/quai/registry/referrers',
      { query: v.object({ name: queryText, type: queryText }) },
      async request => {
        const { query, headers, signal } = request;
        const reference = parseReference(query.name);
        const repository = registries.repository(reference, credentialsOf(registryAuthOf(headers)));
        const subject = await repository.resolve(reference.digest ?? reference.tag ?? 'latest', { signal });
        const artifactType = query.type === '' ? {} : { artifactType: query.type };
        const referrers = await repository.referrers(subject.digest, { signal, ...artifactType });
        return reply.json({ Name: query.name, Subject: subject, Referrers: referrers });
      },
    ),
  ];
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
