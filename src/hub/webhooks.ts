import { isIP } from 'node:net';
import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { classOf, mayLeadTo } from '#sys/address-guard';
import { conflict, forbidden, invalid, repositoryNotFound } from './errors.ts';
import type { Account, Webhook } from './hub-records.ts';
import type { Viewer, WebhookService } from './hub-services.ts';
import { includes, type Rights } from './rights.ts';
import { newRowId, newSecret, WEBHOOK_SECRET_PREFIX } from './secret-value.ts';
import { singleLine } from './single-line.ts';
import type { SecretWebhook, WebhookTable } from './webhook-table.ts';

export interface WebhooksDeps {
  readonly webhooks: WebhookTable;
  readonly rights: Rights;
  /** whether they may lead into private networks */
  readonly mayBePrivate: boolean;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
}

const MOST_PER_REPOSITORY = 20;
const MAX_NAME = 100;
const MAX_URL = 2000;

/** Addresses that are told of pushes. `webhook-sender.ts` tells them. */
export class Webhooks implements WebhookService {
  readonly #deps: WebhooksDeps;

  constructor(deps: WebhooksDeps) {
    this.#deps = deps;
  }

  list(viewer: Viewer, repository: string): readonly Webhook[] {
    this.#administrator(viewer, repository);
    return this.#deps.webhooks.listOf(repository).map(withoutSecret);
  }

  create(
    viewer: Viewer,
    repository: string,
    input: { readonly name: string; readonly url: string },
  ): Webhook & { readonly secret: string } {
    const { webhooks, now, logger } = this.#deps;
    const by = this.#administrator(viewer, repository);
    const name = singleLine('name', input.name, MAX_NAME);
    if (name === '') throw invalid('the webhook needs a name');
    const url = this.#checkUrl(input.url);
    const others = webhooks.listOf(repository);
    if (others.length >= MOST_PER_REPOSITORY) {
      throw conflict(`a repository may have ${MOST_PER_REPOSITORY} webhooks; remove some first`);
    }
    if (others.some(other => other.name === name))
      throw conflict(`${repository} has a webhook "${name}" already`);
    const webhook: SecretWebhook = {
      id: newRowId(),
      repository,
      name,
      url: url.href,
      secret: newSecret(WEBHOOK_SECRET_PREFIX),
      createdAt: now(),
      lastStatus: undefined,
    };
    webhooks.insert(webhook);
    logger.info('webhook made', { repository, webhook: name, host: url.host, by: by.name });
    return webhook;
  }

  remove(viewer: Viewer, repository: string, id: string): void {
    this.#administrator(viewer, repository);
    if (!this.#deps.webhooks.listOf(repository).some(webhook => webhook.id === id)) {
      throw new EngineError('notFound', `${repository} has no webhook ${id.slice(0, MAX_NAME)}`);
    }
    this.#deps.webhooks.delete(id);
  }

  /** A name may lead elsewhere tomorrow: the address is looked at again before each delivery. */
  #checkUrl(text: string): URL {
    if (text.length > MAX_URL) throw invalid(`the URL may have at most ${MAX_URL} characters`);
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^https?:$/.test(url.protocol)) throw invalid('the URL must begin with https:// or http://');
    if (url.username !== '' || url.password !== '') {
      throw invalid('the URL must not hold a password; the webhook gets a secret to sign with');
    }
    url.hash = '';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !mayLeadTo(this.#deps.mayBePrivate ? 'loopback' : 'public', classOf(host))) {
      throw invalid(`webhooks may not lead to ${host}: it is not a public address`);
    }
    return url;
  }

  #administrator(viewer: Viewer, repository: string): Account {
    const { rights } = this.#deps;
    const account = rights.required(viewer, 'see webhooks');
    const permission = rights.isFound(repository) ? rights.permission(account, repository) : undefined;
    if (permission === undefined) throw repositoryNotFound(repository.slice(0, 255));
    if (includes(permission, 'admin')) return account;
    throw forbidden(
      `${account.name} may not see the webhooks of ${repository}; that takes the right to administer it`,
    );
  }
}

function withoutSecret({ secret: _secret, ...webhook }: SecretWebhook): Webhook {
  return webhook;
}
