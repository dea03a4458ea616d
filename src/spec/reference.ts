import { EngineError } from '#base/errors';
import { type Digest, isDigest } from '#base/ids';

/**
 * A parsed name of an image, always complete: `busybox` is `docker.io/library/busybox`, tag `latest`.
 * The grammar is that of github.com/distribution/reference, and so are the error texts.
 */
export interface Reference {
  /** host and port of the registry, `docker.io` for Docker Hub */
  readonly domain: string;
  /** path in the registry: `library/busybox` */
  readonly repository: string;
  /** absent when there is only a digest, or when none was asked for (see {@link parseName}) */
  readonly tag?: string;
  readonly digest?: Digest;
}

const DOCKER_HUB = 'docker.io';
const LEGACY_HUB = 'index.docker.io';
const OFFICIAL = 'library/';
const DEFAULT_TAG = 'latest';
const MAX_NAME_LENGTH = 255;

const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';

const REFERENCE = new RegExp(`^(${DOMAIN})/(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const WHOLE_TAG = new RegExp(`^${TAG}$`);
const WHOLE_PATH = new RegExp(`^${PATH}$`);
/** Longer is never valid; it also keeps the expressions above from running over megabytes. */
const MAX_LENGTH = 4096;

/**
 * Parses what a user names an image by; a missing tag becomes `latest` unless there is a digest.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function parseReference(text: string): Reference {
  const reference = parseName(text);
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: DEFAULT_TAG };
}

/** As {@link parseReference}, but a missing tag stays missing. @throws {EngineError} `invalid`. */
export function parseName(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  if (text.length > MAX_LENGTH) throw invalid('invalid reference format');
  const [domain, rest] = splitDomain(text);
  const match = REFERENCE.exec(`${domain}/${rest}`);
  if (!match) throw invalid(`invalid reference format${reasonOf(text, rest)}`);
  const [, host = '', repository = '', tag, digest] = match;
  if (repository.length > MAX_NAME_LENGTH) {
    throw invalid(`repository name must not be more than ${MAX_NAME_LENGTH} characters`);
  }
  return { domain: host, repository, ...(tag === undefined ? {} : { tag }), ...digestPart(digest) };
}

/** What people stumble over; Docker says that of capital letters alone. */
function reasonOf(text: string, rest: string): string {
  if (text === '') return ': the name of an image is empty';
  if (/^https?:\/\//i.test(text))
    return ': the name of an image begins with its host, without http:// or https://';
  if (/\s/.test(rest)) return ': the name of an image has no blanks';
  if (/@sha256:/.test(rest)) return ': 64 hexadecimal digits follow @sha256:';
  const name = rest.split(':', 1)[0] ?? '';
  return name.toLowerCase() === name ? '' : `: repository name (${name}) must be lowercase`;
}

/** The reference, or `undefined` for text that is none. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined; // only `invalid` is thrown above
  }
}

/** Whether `text` can stand after the colon. */
export function isTag(text: string): boolean {
  return WHOLE_TAG.test(text);
}

/** Whether `text` can name a repository in a registry: `library/busybox`. */
export function isRepositoryPath(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && WHOLE_PATH.test(text);
}

/** `docker.io/library/busybox`: what a tag or digest is attached to. */
export function canonicalName(reference: Reference): string {
  return `${reference.domain}/${reference.repository}`;
}

/** Complete and unambiguous: `docker.io/library/busybox:latest`. */
export function canonicalReference(reference: Reference): string {
  return canonicalName(reference) + suffix(reference);
}

/** `busybox`, `polytech/ts-node`, `localhost:5000/x`: the shortest name that means the same. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DOCKER_HUB) return canonicalName(reference);
  const { repository } = reference;
  const isOfficial = repository.startsWith(OFFICIAL) && !repository.slice(OFFICIAL.length).includes('/');
  const short = isOfficial ? repository.slice(OFFICIAL.length) : repository;
  // Shortening must be reversible: a first component that looks like a host keeps its domain.
  const [again, rest] = splitDomain(short);
  return again === DOCKER_HUB && rest === repository ? short : canonicalName(reference);
}

/** As users see it: `busybox:latest`. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function digestPart(digest: string | undefined): { digest?: Digest } {
  if (digest === undefined) return {};
  if (isDigest(digest)) return { digest };
  const known = digest.startsWith('sha256:');
  throw invalid(known ? 'invalid checksum digest length' : 'unsupported digest algorithm');
}

function splitDomain(name: string): readonly [domain: string, rest: string] {
  const slash = name.indexOf('/');
  if (slash < 0) return [DOCKER_HUB, OFFICIAL + name];
  const first = name.slice(0, slash);
  const rest = name.slice(slash + 1);
  const isHub = first === DOCKER_HUB || first === LEGACY_HUB;
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  if (!isHub && isHost) return [first, rest];
  const path = isHub ? rest : name;
  return [DOCKER_HUB, path.includes('/') ? path : OFFICIAL + path];
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
