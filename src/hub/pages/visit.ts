import { randomBytes } from 'node:crypto';
import { EngineError } from '#base/errors';
import { FormBody } from '#http/form-body';
import type { RawRequest } from '#http/route';
import { addressOf } from '../client-credentials.ts';
import type { Account } from '../hub-records.ts';
import type { HubServices, Viewer } from '../hub-services.ts';
import { readCookie, setCookie } from './cookies.ts';
import { formToken } from './form-guard.ts';
import { type Html, html } from './html.ts';
import type { SiteDeps, SiteOptions } from './site-options.ts';

/** What may stand before a pull command: a host with a port. Anything else in a `Host` header is not shown. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** As long as a session can last at all; the hub ends one that is not used much sooner. */
const SESSION_SECONDS = 30 * 24 * 3600;

export type SiteRequest = Pick<RawRequest, 'method' | 'path' | 'headers' | 'peer' | 'query' | 'params'>;

/** One request to the site: who asks, for what, and what the answer has to carry back. */
export class Visit {
  readonly services: HubServices;
  readonly options: SiteOptions;
  readonly viewer: Viewer;
  /** the value of the session's cookie, where it is one of an account */
  readonly session: string | undefined;
  readonly isSecure: boolean;
  /** of the form that was sent; empty for a page that was asked for */
  readonly form: FormBody;
  readonly #request: SiteRequest;
  #visitor: string | undefined;
  #newCookie: string | undefined;

  constructor(request: SiteRequest, deps: SiteDeps, form: FormBody = new FormBody()) {
    this.services = deps.services;
    this.options = deps.options;
    this.form = form;
    this.#request = request;
    this.isSecure = request.peer.isSecure || deps.options.isSecure === true;
    const cookie = readCookie(request.headers.cookie, 'quai-session', this);
    this.viewer = cookie === undefined ? undefined : deps.services.sessions.find(cookie);
    this.session = this.viewer && cookie;
    this.#visitor = readCookie(request.headers.cookie, 'quai-visitor', this);
  }

  get path(): string {
    return this.#request.path;
  }

  get headers(): RawRequest['headers'] {
    return this.#request.headers;
  }

  /** the network address of the visitor, for limits */
  get address(): string {
    return addressOf(this.#request, { isBehindProxy: this.options.isBehindProxy ?? false });
  }

  get now(): number {
    return (this.options.now ?? Date.now)();
  }

  /** as it stands in `docker pull HOST/…` */
  get host(): string {
    const said = this.#request.headers.host ?? '';
    return this.options.host ?? (HOST.test(said) ? said : 'localhost');
  }

  /** Where to come back to after signing in: the page that was asked for, but never where a form went. */
  get returnPath(): string | undefined {
    const { method, path, query } = this.#request;
    if (method !== 'GET' || path === '/') return undefined;
    const pairs = Object.entries(query).flatMap(([name, values]) => values.map(value => [name, value]));
    return `${encodeURI(path)}${pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ''}`;
  }

  /** Text of a parameter after the `?`, cut at a length nobody needs. */
  query(name: string): string {
    return (this.#request.query[name]?.[0] ?? '').slice(0, 500);
  }

  /** Which part of a list is wanted, from 1. */
  get pageNumber(): number {
    const page = this.query('page');
    return /^[1-9]\d{0,5}$/.test(page) ? Number(page) : 1;
  }

  param(name: string): string {
    return this.#request.params[name] ?? '';
  }

  /** The account that asks. @throws {EngineError} `unauthorized` for a stranger, who is shown the way to sign in. */
  account(): Account {
    if (!this.viewer) throw new EngineError('unauthorized', 'Sign in to see this page.');
    return this.viewer;
  }

  /** The secret that forms of this visitor follow from; `undefined` when no cookie came along. */
  get formSecret(): string | undefined {
    return this.session ?? this.#visitor;
  }

  /** The hidden field that every form carries. A visitor without any cookie gets one with the answer. */
  formField(): Html {
    if (this.formSecret === undefined) {
      this.#visitor = randomBytes(24).toString('base64url');
      this.#newCookie = setCookie('quai-visitor', this.#visitor, this);
    }
    return html`<input type="hidden" name="form-token" value="${formToken(this.formSecret ?? '')}">`;
  }

  beginSession(account: Account): void {
    const value = this.services.sessions.begin(account);
    this.#newCookie = setCookie('quai-session', value, {
      isSecure: this.isSecure,
      maxAgeSeconds: SESSION_SECONDS,
    });
  }

  endSession(): void {
    if (this.session !== undefined) this.services.sessions.end(this.session);
    this.#newCookie = setCookie('quai-session', '', this);
  }

  /** For `Set-Cookie`. */
  get newCookie(): string | undefined {
    return this.#newCookie;
  }
}
