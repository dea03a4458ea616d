import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { EngineError } from '#base/errors';

/**
 * What a form carries to show that it is one of ours: it follows from the secret in the visitor's cookie, which another site can
 * make a browser send but can not read. A session that begins anew has another one.
 */
export function formToken(secret: string): string {
  return createHmac('sha256', secret).update('form').digest('base64url');
}

/**
 * Lets a form in that was sent from a page of this site.
 *
 * Browsers say where a form comes from (`Sec-Fetch-Site`, and `Origin`), and are believed when they say that it is from elsewhere;
 * the token decides for all.
 *
 * @param host of the hub as its visitors know it: a proxy in front may send another one
 * @throws {EngineError} `forbidden`.
 */
export function checkForm(
  headers: IncomingHttpHeaders,
  {
    secret,
    token,
    host,
  }: { readonly secret: string | undefined; readonly token: string; readonly host?: string | undefined },
): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') throw foreign();
  const from = headers.origin === undefined ? undefined : (URL.parse(headers.origin)?.host ?? '');
  if (from !== undefined && from !== headers.host && from !== host) throw foreign();
  if (secret === undefined || !isEqual(token, formToken(secret))) throw new OutOfDateForm();
}

/** A form from a page of this site, but of another session: the one it was opened in may have ended. */
export class OutOfDateForm extends EngineError {
  constructor() {
    super(
      'forbidden',
      'This form is out of date: you have signed in or out since it was opened, or your session has ended. Open the page again, and send the form from there.',
    );
  }
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function foreign(): EngineError {
  return new EngineError('forbidden', 'This form was sent from another site, and so it was refused.');
}
