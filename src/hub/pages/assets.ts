import { createHash } from 'node:crypto';
import type { BytesReply } from '#http/reply';
import { type Route, route } from '#http/route';
import { logo } from './icons.ts';
import { STYLE } from './site-style.ts';

interface Asset {
  /** holds the hash of the content, so that a browser may keep it for good */
  readonly path: string;
  readonly type: string;
  readonly content: string;
}

export const assets = {
  style: asset('site', 'css', 'text/css; charset=utf-8', STYLE),
  icon: asset(
    'icon',
    'svg',
    'image/svg+xml',
    logo.toString().replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" '),
  ),
} as const;

export function assetRoutes(): readonly Route[] {
  return Object.values(assets).flatMap(one =>
    ['GET', 'HEAD'].map(method => route(method, one.path, {}, () => answer(one))),
  );
}

function asset(name: string, extension: string, type: string, content: string): Asset {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 16);
  return { path: `/assets/${name}.${hash}.${extension}`, type, content };
}

function answer({ type, content }: Asset): BytesReply {
  return {
    type: 'bytes',
    status: 200,
    headers: {
      'Content-Type': type,
      'Cache-Control': 'public, max-age=31536000, immutable',
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Resource-Policy': 'same-origin',
    },
    body: content,
  };
}
