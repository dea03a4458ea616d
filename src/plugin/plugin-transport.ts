import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { codeOf } from '#base/errors';
import { request } from '#base/node-http';
import type { PluginAddress, PluginTls } from './plugin-address.ts';

export interface PluginAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Docker's media type of the protocol, which plugins look for. */
const MEDIA_TYPE = 'application/vnd.docker.plugins.v1.2+json';
/** What a plugin has to say is a list at most. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

/** Nothing was sent: nobody listens there (yet). Asking again is safe. */
export class NotListeningError extends Error {}
/** More than {@link MAX_ANSWER_BYTES}. */
export class AnswerTooLargeError extends Error {}

/**
 * One call on a connection of its own: `POST`, a JSON body, the whole answer.
 *
 * @throws {NotListeningError} when no connection came about; {@link AnswerTooLargeError}; what Node throws otherwise,
 * an `AbortError` for the signal.
 */
export async function postToPlugin(
  address: PluginAddress,
  method: string,
  body: string,
  signal: AbortSignal,
): Promise<PluginAnswer> {
  const options: RequestOptions = {
    method: 'POST',
    path: `/${method}`,
    agent: false,
    signal,
    maxHeaderSize: MAX_HEADER_BYTES,
    headers: {
      Host: address.kind === 'tcp' ? address.host : 'plugin',
      Accept: MEDIA_TYPE,
      'Content-Type': MEDIA_TYPE,
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    },
  };
  const response = await responseOf(open(address, options), body);
  return { status: response.statusCode ?? 0, body: await bounded(response) };
}

function open(address: PluginAddress, options: RequestOptions): ClientRequest {
  if (address.kind === 'unix') return request({ ...options, socketPath: address.path });
  const { host, port, tls } = address;
  return tls
    ? secureRequest({ ...options, host, port, ...tlsOptions(tls) })
    : request({ ...options, host, port });
}

function tlsOptions({ caFile, certFile, keyFile, isUnverified }: PluginTls) {
  return {
    ...(caFile !== '' && { ca: readFileSync(caFile) }),
    ...(certFile !== '' && { cert: readFileSync(certFile) }),
    ...(keyFile !== '' && { key: readFileSync(keyFile) }),
    rejectUnauthorized: !isUnverified,
  };
}

async function responseOf(outgoing: ClientRequest, body: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.once('response', resolve);
  // Stays: what happens after the answer has begun comes out of reading it.
  outgoing.on('error', (error: Error) => {
    const isUnheard = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(codeOf(error) ?? '');
    reject(isUnheard ? new NotListeningError(error.message, { cause: error }) : error);
  });
  // An answer that switches protocols ends the request without any other event.
  outgoing.once('close', () => reject(new Error('the connection was closed before there was an answer')));
  outgoing.end(body);
  return promise;
}

async function bounded(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer; // no encoding is set: buffers
    length += bytes.length;
    if (length > MAX_ANSWER_BYTES) throw new AnswerTooLargeError(`more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
