import type { IncomingHttpHeaders } from 'node:http';
import type { Peer, Route } from '#http/route';

export type Credentials =
  | { readonly scheme: 'basic'; readonly name: string; readonly secret: string }
  | { readonly scheme: 'bearer'; readonly token: string }
  | { readonly scheme: 'unknown' };

/** What an `Authorization` header brings. `JWT` is what clients of Docker Hub's API once wrote for `Bearer`. */
export function parseAuthorization(header: string): Credentials {
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([^\s]+) *$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
    case 'jwt':
      return { scheme: 'bearer', token: value };
    case 'basic': {
      const text = Buffer.from(value, 'base64').toString('utf8');
      const colon = text.indexOf(':');
      if (colon < 0) return { scheme: 'unknown' };
      return { scheme: 'basic', name: text.slice(0, colon), secret: text.slice(colon + 1) };
    }
    default:
      return { scheme: 'unknown' };
  }
}

/** Where a request comes from: the connection's other end, or what a proxy of ours says of it, which it writes last. */
export function addressOf(
  { headers, peer }: { readonly headers: IncomingHttpHeaders; readonly peer: Peer },
  { isBehindProxy }: { readonly isBehindProxy: boolean },
): string {
  if (!isBehindProxy) return peer.address;
  const forwarded = [headers['x-forwarded-for'] ?? ''].flat().join(',').split(',').at(-1)?.trim() ?? '';
  return forwarded === '' || forwarded.length > 64 ? peer.address : forwarded;
}

/** Routes of a part that knows nothing of proxies: it is told the address of the client. */
export function withClientAddress(routes: readonly Route[]): Route[] {
  return routes.map(route => ({
    ...route,
    handle: request => {
      const address = addressOf(request, { isBehindProxy: true });
      return route.handle({ ...request, peer: { ...request.peer, address } });
    },
  }));
}
