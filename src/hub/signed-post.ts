import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP } from 'node:net';
import { codeOf } from '#base/errors';
import { request as plainRequest } from '#base/node-http';
import { type AddressClass, classOf, guardedLookup, mayLeadTo } from '#sys/address-guard';

export interface SignedMessage {
  readonly id: number;
  readonly url: string;
  readonly secret: string;
  /** JSON */
  readonly body: string;
}

export interface PostOutcome {
  readonly isDelivered: boolean;
  readonly mayTryAgain: boolean;
  /** for people: a status, or why there was none */
  readonly text: string;
}

export interface PostOptions {
  readonly mayBePrivate: boolean;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 10_000;
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Sends a message of ours to an address that somebody else gave, signed with a secret that both know: `X-Quai-Signature-256` is the
 * HMAC of the body. Follows nothing, reads nothing of the answer but its status, and does not go where it has no business: the
 * address is checked as it is connected to.
 */
export async function postSigned(
  { id, url: text, secret, body }: SignedMessage,
  { mayBePrivate, signal }: PostOptions,
): Promise<PostOutcome> {
  const url = new URL(text);
  const own: AddressClass = mayBePrivate ? 'loopback' : 'public';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !mayLeadTo(own, classOf(host))) return notPublic();
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const outgoing = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, {
    method: 'POST',
    agent: false,
    lookup: guardedLookup(own),
    maxHeaderSize: MAX_HEAD_BYTES,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'User-Agent': 'Quai-Hub',
      'X-Quai-Event': 'push',
      'X-Quai-Delivery': String(id),
      'X-Quai-Signature-256': `sha256=${signature}`,
    },
  });
  try {
    outgoing.end(body);
    // 'response' hands over exactly this.
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return statusOutcome(answer.statusCode ?? 0);
  } catch (error) {
    return failureOutcome(error);
  } finally {
    outgoing.on('error', () => undefined).destroy();
  }
}

/** What the other side will say again is not asked again. */
function statusOutcome(status: number): PostOutcome {
  const isDelivered = status >= 200 && status < 300;
  const mayTryAgain = status === 408 || status === 429 || status >= 500;
  return { isDelivered, mayTryAgain, text: `status ${status}` };
}

/** By its code alone: messages name addresses, which whoever made the webhook may not know. */
function failureOutcome(error: unknown): PostOutcome {
  const code = codeOf(error);
  if (code === 'QUAI_FORBIDDEN_ADDRESS') return notPublic();
  const isLate = error instanceof Error && (error.name === 'TimeoutError' || code === 'ABORT_ERR');
  return {
    isDelivered: false,
    mayTryAgain: true,
    text: isLate ? 'no answer in time' : `no connection (${code ?? 'unknown'})`,
  };
}

function notPublic(): PostOutcome {
  return { isDelivered: false, mayTryAgain: false, text: 'the name does not lead to a public address' };
}
