import { createHash } from 'node:crypto';
import type { ReplyHeaders } from '#http/reply';
import { SCRIPT } from './site-script.ts';

/**
 * A page may use the one stylesheet and the one script of the site, and send forms to it; nothing else, from nowhere else. The script
 * stands in the page and is allowed by its hash: were it allowed by its address, any file on this host would be.
 */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  `script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'`,
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const YEAR_SECONDS = 31_536_000;

/** What every page is sent with. Pages show what the visitor may see: nobody between keeps them. */
export function pageHeaders({ isSecure }: { readonly isSecure: boolean }): ReplyHeaders {
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': POLICY,
    'Cache-Control': 'no-store',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    // not `no-referrer`: with it browsers hide the origin of forms, which is checked
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    ...(isSecure ? { 'Strict-Transport-Security': `max-age=${YEAR_SECONDS}` } : {}),
  };
}
