import { invalid } from './errors.ts';

const MIN_LENGTH = 2;
const MAX_LENGTH = 30;
const MAX_REPOSITORY_LENGTH = 255;
/** No dots: `alice.example` at the beginning of an image's name would be a host. */
const NAMESPACE = /^[a-z0-9]+(?:[-_][a-z0-9]+)*$/;
/** A part of a repository's name, by the OCI distribution specification. */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;

/** The namespace of official images. It is there from the beginning, and kept by the administrators. */
export const OFFICIAL = 'library';

/**
 * Names nobody can have: first segments of the hub's own paths below `/v2/` and of its pages, and those that would
 * deceive people.
 */
const RESERVED: ReadonlySet<string> = new Set(
  `
  _ _catalog categories invites v1 v2 api token access-tokens auth namespaces orgs repositories repository search user
  users scim admin administration account accounts assets activity create dashboard docs explore
  favicon health help home hub login logout new organization organizations pages password robots
  session sessions settings setup sign-in sign-out sign-up signin signout signup static stars tags
  teams tokens webhooks well-known administrator root anonymous everyone localhost nobody official
  public private support security system quai docker me self undefined null true false
  `
    .trim()
    .split(/\s+/)
    .concat(OFFICIAL),
);

export function isReserved(name: string): boolean {
  return RESERVED.has(name);
}

/** @throws {EngineError} `invalid` for what cannot be the name of an account or an organization. */
export function checkNamespaceName(name: string): void {
  const shown = name.slice(0, MAX_LENGTH + 1);
  if (name.length < MIN_LENGTH || name.length > MAX_LENGTH) {
    throw invalid(`the name "${shown}" must have ${MIN_LENGTH} to ${MAX_LENGTH} characters`);
  }
  if (!NAMESPACE.test(name)) {
    throw invalid(
      `the name "${shown}" may have lower-case letters and digits, and single hyphens or underscores between them`,
    );
  }
  if (isReserved(name)) throw invalid(`the name "${name}" is reserved; choose another one`);
}

/** `alice` of `alice/app`; empty where there is none. */
export function namespaceOf(repository: string): string {
  const slash = repository.indexOf('/');
  return slash < 0 ? '' : repository.slice(0, slash);
}

/** `app` of `alice/app`. */
export function nameInNamespace(repository: string): string {
  return repository.slice(repository.indexOf('/') + 1);
}

export function isRepositoryName(name: string): boolean {
  if (name.length > MAX_REPOSITORY_LENGTH || !name.includes('/')) return false;
  return name.split('/').every(component => COMPONENT.test(component));
}

/** @throws {EngineError} `invalid` for what cannot be a repository here. */
export function checkRepositoryName(name: string): void {
  if (isRepositoryName(name)) return;
  const shown = name.slice(0, MAX_REPOSITORY_LENGTH);
  if (!name.includes('/')) {
    throw invalid(
      `the repository name "${shown}" needs a namespace, the name of an account or organization: alice/${shown}`,
    );
  }
  throw invalid(
    `the repository name "${shown}" may have lower-case letters and digits, with dots, hyphens or underscores between them`,
  );
}
