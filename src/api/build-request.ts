import type { IncomingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import { EngineError, notImplemented } from '#base/errors';
import type { BuildLimits, BuildRequest } from '#build/build-request';
import type { Credentials } from '#distribution/credentials';
import { type BuildQuery, RegistryConfigs } from '#spec/docker/build-query';
import { formatPlatform } from '#spec/oci/platform';
import { credentialsOf } from './registry-credentials.ts';

/** A build without what came as a stream. */
export type AskedBuild = Omit<BuildRequest, 'context' | 'dockerfile' | 'secrets'>;

/** @throws {EngineError} `notImplemented` for what another builder of Docker's does, `invalid` for what none does. */
export function askedBuild(query: BuildQuery, headers: IncomingHttpHeaders): AskedBuild {
  refuseOthers(query);
  return {
    buildArgs: new Map(Object.entries(query.buildargs)),
    labels: new Map(Object.entries(query.labels)),
    tags: query.t.filter(tag => tag !== ''),
    noCache: query.nocache,
    pull: query.pull,
    extraHosts: query.extrahosts,
    limits: limitsOf(query),
    cacheFrom: query.cachefrom,
    securityOpt: query.securityopt,
    credentials: credentialsIn(headers),
    ...(query.target === '' ? {} : { target: query.target }),
    ...(query.platform ? { platform: formatPlatform(query.platform) } : {}),
    ...(query.networkmode === '' ? {} : { networkMode: query.networkmode }),
  };
}

function refuseOthers({ version, isolation, squash, outputs }: BuildQuery): void {
  if (version === '2')
    throw notImplemented(
      'builds by BuildKit (version=2); the same client builds here with DOCKER_BUILDKIT=0',
    );
  if (version !== '' && version !== '1')
    throw new EngineError('invalid', `invalid version ${version}: the builder of this engine is version 1`);
  if (!['', 'default'].includes(isolation))
    throw new EngineError('invalid', `unsupported isolation: "${isolation}"`); // Docker's wording
  if (squash)
    throw notImplemented('squash=1; build first, then: quai image squash --from BASE -t NAME IMAGE');
  if (outputs.length > 0) throw notImplemented('outputs; the image is stored in the engine');
}

function limitsOf(query: BuildQuery): BuildLimits {
  return {
    memoryBytes: query.memory,
    memorySwapBytes: query.memswap,
    cpuShares: query.cpushares,
    cpuPeriod: query.cpuperiod,
    cpuQuota: query.cpuquota,
    cpusetCpus: query.cpusetcpus,
    cpusetMems: query.cpusetmems,
    cgroupParent: query.cgroupparent,
    ...(query.shmsize > 0 ? { shmBytes: query.shmsize } : {}),
    ulimits: query.ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
  };
}

const MOST_HEADER = 256 * 1024;

/** Those of `X-Registry-Config`, by the registry's host. Nothing of what is wrong in it is told: it is a secret. */
function credentialsIn(headers: IncomingHttpHeaders): (domain: string) => Credentials {
  const encoded = [headers['x-registry-config'] ?? ''].flat()[0] ?? '';
  if (encoded === '' || encoded.length > MOST_HEADER) return () => ({});
  let configs: v.InferOutput<typeof RegistryConfigs>;
  try {
    configs = v.parse(RegistryConfigs, JSON.parse(Buffer.from(encoded, 'base64').toString('utf8') || '{}'));
  } catch (error) {
    throw new EngineError('invalid', 'invalid X-Registry-Config header: it is not JSON in base64', {
      cause: error,
    });
  }
  const byHost = new Map(
    Object.entries(configs).map(([address, auth]) => [hostOf(address), credentialsOf(auth)]),
  );
  return domain => byHost.get(hostOf(domain)) ?? {};
}

const HUB_HOSTS = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** `https://index.docker.io/v1/` is `docker.io`. */
function hostOf(address: string): string {
  const host = address
    .replace(/^https?:\/\//i, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
  return HUB_HOSTS.includes(host) ? 'docker.io' : host;
}
