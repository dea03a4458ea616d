import { plainLine } from '#base/plain-text';
import type { Edge } from '#http/http-server';
import { type BytesReply, reply } from '#http/reply';
import { registryErrorOf } from './errors.ts';

/** On every answer; browsers must take nothing that somebody pushed for a page. */
export const REGISTRY_HEADERS = {
  'Docker-Distribution-Api-Version': 'registry/2.0',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** The answer to anything that was thrown, as the distribution specification has it. */
export function registryFailure(error: unknown): BytesReply {
  const { code, message, detail, headers, status } = registryErrorOf(error);
  // Names and documents of strangers have a say in messages, and command lines write them to terminals.
  const entry = { code, message: plainLine(message), ...(detail === undefined ? {} : { detail }) };
  const answer = reply.json({ errors: [entry] }, status);
  return { ...answer, headers: { ...answer.headers, ...REGISTRY_HEADERS, ...headers } };
}

/** What makes an HTTP server a registry, where it is nothing else. */
export const registryEdge: Edge = {
  headers: REGISTRY_HEADERS,
  admit: (_request, path) => ({ path, version: 0 }),
  fail: registryFailure,
};
