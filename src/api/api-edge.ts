import type { IncomingMessage } from 'node:http';
import { EngineError } from '#base/errors';
import type { Edge } from '#http/http-server';
import { MAX_API_VERSION, splitVersion } from './api-version.ts';
import { errorResponse } from './error-response.ts';

/** What makes an HTTP server an Engine API: versions in the path, headers, errors, and who is not let in. */
export function apiEdge(engineVersion: string): Edge {
  return {
    headers: {
      'Api-Version': MAX_API_VERSION,
      'Docker-Experimental': 'false',
      Ostype: 'linux',
      Server: `Quai/${engineVersion} (linux)`,
    },
    admit: (request, path) => {
      refuseBrowsers(request);
      return splitVersion(path);
    },
    fail: errorResponse,
  };
}

/**
 * A page in a browser can reach a socket that a developer exposed on localhost, by form, by fetch or by DNS rebinding.
 * No client of the API is a page: whatever a browser marks as coming from one is refused.
 */
function refuseBrowsers({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  if (headers.origin === undefined && (site === undefined || site === 'none')) return;
  throw new EngineError('forbidden', 'requests from web pages are not allowed');
}
