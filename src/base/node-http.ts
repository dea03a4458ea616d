import type https from 'node:https';

/**
 * What is used of `node:http`, without what an `import` of it costs.
 *
 * An import asks for every name of the module at once. Among them are some that Node only loads for whoever asks, `WebSocket`
 * for one, and these bring a whole fetch client along: 40 ms of the start, 16 MB of memory (Node 26). Types cost nothing and
 * are imported from `node:http` as ever.
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http');

/** `node:https`, loaded for whoever calls this alone. */
export function nodeHttps(): typeof https {
  return process.getBuiltinModule('node:https');
}
