import type { Logger } from '#base/logger';
import { Semaphore } from '#base/semaphore';
import type { RegistryEvent } from '#registry/repository-catalog';
import type { HubRepository } from './hub-records.ts';
import { nameInNamespace } from './namespace-name.ts';
import type { RepositoryTable } from './repository-table.ts';
import { type PostOutcome, postSigned } from './signed-post.ts';
import type { Delivery, WebhookTable } from './webhook-table.ts';

export interface WebhookSenderDeps {
  readonly webhooks: WebhookTable;
  readonly repositories: RepositoryTable;
  readonly publicUrl: string;
  /** whether they may lead into private networks */
  readonly mayBePrivate: boolean;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
  /** default: over the network */
  readonly post?: typeof postSigned;
}

const SECOND = 1000;
/** before each further attempt */
const DELAYS_MS = [10 * SECOND, 60 * SECOND, 300 * SECOND, 1800 * SECOND, 7200 * SECOND];
const MOST_QUEUED = 2000;
/** One owner's webhooks that hang leave room for those of others. */
const MOST_QUEUED_OF_NAMESPACE = 200;
const MOST_QUEUED_OF_ONE = 50;
const AT_A_TIME = 8;
const BATCH = 50;
/** Node's timers do not go further. */
const LONGEST_TIMER_MS = 3_600_000;

/**
 * Tells webhooks of pushes. What has to be sent is in the database until it has arrived or was given up, so that a restart loses
 * none; one that does not answer keeps no other waiting.
 */
export class WebhookSender implements AsyncDisposable {
  readonly #deps: WebhookSenderDeps;
  readonly #slots = new Semaphore(AT_A_TIME);
  /** webhooks with a delivery under way */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #closed = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: WebhookSenderDeps) {
    this.#deps = deps;
    this.#plan();
  }

  /** Notes what has to be sent, and sends it soon. */
  pushed(event: RegistryEvent): void {
    const { webhooks, repositories, now, logger } = this.#deps;
    const hooks = webhooks.listOf(event.repository);
    const repository = hooks.length > 0 ? repositories.find(event.repository) : undefined;
    if (!repository || event.tag === undefined) return;
    const body = JSON.stringify(this.#payload(event, repository));
    for (const { id } of hooks) {
      if (this.#isFull(id, repository.namespace)) {
        webhooks.setStatus(id, 'dropped: too many are waiting');
        logger.warn('a webhook is not told of a push: too many are waiting', { webhook: id });
      } else {
        webhooks.insertDelivery(id, body, now());
      }
    }
    this.#plan();
  }

  #isFull(webhook: string, namespace: string): boolean {
    const { webhooks } = this.#deps;
    return (
      webhooks.countDeliveries(webhook) >= MOST_QUEUED_OF_ONE ||
      webhooks.countDeliveriesIn(namespace) >= MOST_QUEUED_OF_NAMESPACE ||
      webhooks.countDeliveries() >= MOST_QUEUED
    );
  }

  /** Sends what is due. Resolves when nothing is under way any more. */
  async sendDue(): Promise<void> {
    const { webhooks, now } = this.#deps;
    for (const delivery of webhooks.due(now(), BATCH)) {
      if (this.#busy.has(delivery.webhook)) continue;
      const work = this.#slots
        .run(() => this.#deliver(delivery))
        .catch((error: unknown) => this.#deps.logger.error('a webhook could not be sent', { error }))
        .finally(() => {
          this.#busy.delete(delivery.webhook);
          this.#plan();
        });
      this.#busy.set(delivery.webhook, work);
    }
    await Promise.all(this.#busy.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    clearTimeout(this.#timer);
    await Promise.all(this.#busy.values());
  }

  #plan(): void {
    if (this.#closed.signal.aborted) return;
    clearTimeout(this.#timer);
    const dueAt = this.#deps.webhooks.nextDue(this.#busy.keys());
    if (dueAt === undefined) return;
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(0, dueAt - this.#deps.now()));
    this.#timer = setTimeout(() => void this.sendDue(), waitMs).unref();
  }

  async #deliver(delivery: Delivery): Promise<void> {
    if (this.#closed.signal.aborted) return;
    const { mayBePrivate, post = postSigned } = this.#deps;
    const outcome = await post(delivery, { mayBePrivate, signal: this.#closed.signal });
    if (!this.#closed.signal.aborted) this.#note(delivery, outcome);
  }

  #note({ id, webhook, attempts }: Delivery, outcome: PostOutcome): void {
    const { webhooks, now, logger } = this.#deps;
    const delayMs = outcome.mayTryAgain ? DELAYS_MS[attempts] : undefined;
    if (outcome.isDelivered || delayMs === undefined) {
      webhooks.deleteDelivery(id);
      webhooks.setStatus(webhook, `${outcome.isDelivered ? 'delivered' : 'given up'}: ${outcome.text}`);
    } else {
      webhooks.postpone(id, attempts + 1, now() + delayMs);
      webhooks.setStatus(webhook, `failed: ${outcome.text}; tried again in ${delayMs / SECOND} s`);
    }
    logger.debug('webhook sent', { webhook, outcome: outcome.text });
  }

  /** As Docker Hub has it. There is no `callback_url`: nothing here waits for an answer. */
  #payload({ at, account, tag }: RegistryEvent, repository: HubRepository) {
    const { publicUrl } = this.#deps;
    return {
      push_data: {
        pushed_at: Math.floor(at / SECOND),
        pusher: account ?? '',
        tag,
        images: [],
      },
      repository: {
        comment_count: 0,
        date_created: Math.floor(repository.createdAt / SECOND),
        description: repository.description,
        dockerfile: '',
        full_description: repository.overview,
        is_official: repository.isOfficial,
        is_private: repository.isPrivate,
        is_trusted: false,
        name: nameInNamespace(repository.name),
        namespace: repository.namespace,
        owner: repository.namespace,
        repo_name: repository.name,
        repo_url: `${publicUrl}/r/${repository.name}`,
        star_count: repository.stars,
        status: 'Active',
      },
    };
  }
}
