import { createHash } from 'node:crypto';
import type { RawQuery } from '#http/route';
import type { TagRecord } from '#registry/repository-catalog';
import type { AccessToken, Account, HubRepository, Organization, Permission, Team } from '../hub-records.ts';
import type { Page } from '../hub-services.ts';
import { nameInNamespace } from '../namespace-name.ts';
import { includes } from '../rights.ts';

/** How Docker Hub writes times; `null` for never. */
export function wireTime(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

/** A part of a list with links to those beside it. */
export function wirePage<T>(
  { items, total, page, pageSize }: Page<T>,
  toWire: (item: T) => unknown,
  { publicUrl, path, query }: { readonly publicUrl: string; readonly path: string; readonly query: RawQuery },
) {
  const link = (number: number): string => {
    const target = new URL(publicUrl + encodeURI(path));
    for (const [key, values] of Object.entries(query)) {
      for (const value of values) target.searchParams.append(key, value);
    }
    target.searchParams.set('page', String(number));
    target.searchParams.set('page_size', String(pageSize));
    return target.href;
  };
  return {
    count: total,
    next: page * pageSize < total ? link(page + 1) : null,
    previous: page > 1 ? link(page - 1) : null,
    results: items.map(toWire),
  };
}

/** Docker Hub has numbers and UUIDs; here names are what does not change. */
export function wireId(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

export function wireAccount({ name, fullName, createdAt }: Account) {
  return {
    id: wireId(name),
    uuid: wireId(name),
    username: name,
    full_name: fullName,
    location: '',
    company: '',
    profile_url: '',
    date_joined: wireTime(createdAt),
    gravatar_url: '',
    type: 'User',
  };
}

export function wireOrganization({ name, fullName, createdAt }: Organization) {
  return {
    id: wireId(name),
    uuid: wireId(name),
    orgname: name,
    full_name: fullName,
    location: '',
    company: '',
    profile_url: '',
    date_joined: wireTime(createdAt),
    gravatar_url: '',
    is_active: true,
    type: 'Organization',
  };
}

export function wireTeam({ organization, name, description, members }: Team) {
  const id = wireId(`${organization}/${name}`);
  return { id, uuid: id, name, description, member_count: members.length };
}

/** As an element of a list. */
export function wireRepository(repository: HubRepository) {
  return {
    name: nameInNamespace(repository.name),
    namespace: repository.namespace,
    repository_type: 'image',
    status: 1,
    status_description: 'active',
    description: repository.description,
    is_private: repository.isPrivate,
    is_automated: false,
    star_count: repository.stars,
    pull_count: repository.pulls,
    last_updated: wireTime(repository.pushedAt),
    last_modified: wireTime(repository.pushedAt ?? repository.createdAt),
    date_registered: wireTime(repository.createdAt),
    affiliation: '',
    content_types: ['image'],
    categories:
      repository.category === undefined
        ? []
        : [{ name: repository.category, slug: slug(repository.category) }],
    storage_size: repository.sizeBytes,
  };
}

/** By itself. */
export function wireRepositoryDetails(
  repository: HubRepository,
  { permission, isStarred }: { readonly permission: Permission | undefined; readonly isStarred: boolean },
) {
  return {
    user: repository.namespace,
    ...wireRepository(repository),
    full_description: repository.overview,
    is_official: repository.isOfficial,
    is_migrated: false,
    can_edit: includes(permission, 'admin'),
    has_starred: isStarred,
    hub_user: repository.namespace,
    permissions: {
      read: includes(permission, 'read'),
      write: includes(permission, 'write'),
      admin: includes(permission, 'admin'),
    },
  };
}

export function wireTag(repository: string, tag: TagRecord) {
  const [only] = tag.platforms.length === 1 ? tag.platforms : [];
  return {
    creator: tag.pushedBy === undefined ? null : wireId(tag.pushedBy),
    id: wireId(`${repository}:${tag.tag}`),
    images: tag.platforms.map(({ os, architecture, variant }) => ({
      architecture,
      features: '',
      variant: variant ?? null,
      // The record has the digest of the whole; of one platform of several it does not know it.
      digest: only ? tag.digest : null,
      os,
      os_features: '',
      os_version: null,
      size: tag.sizeBytes,
      status: 'active',
      last_pulled: wireTime(tag.pulledAt),
      last_pushed: wireTime(tag.pushedAt),
    })),
    last_updated: wireTime(tag.pushedAt),
    last_updater: tag.pushedBy === undefined ? null : wireId(tag.pushedBy),
    last_updater_username: tag.pushedBy ?? null,
    name: tag.tag,
    repository: wireId(repository),
    full_size: tag.sizeBytes,
    v2: true,
    tag_status: 'active',
    tag_last_pulled: wireTime(tag.pulledAt),
    tag_last_pushed: wireTime(tag.pushedAt),
    media_type: tag.mediaType,
    content_type: 'image',
    digest: tag.digest,
  };
}

/** @param secret what it is, the one time it is shown */
export function wireAccessToken(token: AccessToken, secret = '') {
  return {
    uuid: token.id,
    client_id: '',
    creator_ip: '',
    creator_ua: '',
    created_at: wireTime(token.createdAt),
    last_used: wireTime(token.usedAt),
    expires_at: wireTime(token.expiresAt),
    generated_by: 'manual',
    is_active: true,
    token: secret,
    token_label: token.label,
    scopes: [`repo:${token.permission}`],
  };
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
