import assert from 'node:assert/strict';

export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A browser without a screen: keeps cookies, reads forms as they stand in pages, and follows nothing by itself. */
export class SiteClient {
  readonly url: string;
  readonly cookies = new Map<string, string>();

  constructor(url: string) {
    this.url = url;
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<PageAnswer> {
    return this.#call(path, { headers });
  }

  /** What a form of the page at `from` sends, with these fields filled in. */
  async submit(
    from: string,
    action: string,
    fields: Readonly<Record<string, string | readonly string[]>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<PageAnswer> {
    const page = await this.get(from);
    assert.equal(page.status, 200, `${from}: ${page.text.slice(0, 300)}`);
    const form = page.text.split('<form').find(part => part.includes(`action="${action}"`));
    assert.ok(form, `no form for ${action} in ${from}`);
    const body = new URLSearchParams();
    const token = /name="form-token" value="([^"]*)"/.exec(form)?.[1];
    assert.ok(token, `no token in the form for ${action}`);
    body.set('form-token', token);
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) body.append(name, one);
    }
    return this.post(action, body, headers);
  }

  async post(
    path: string,
    body: URLSearchParams | string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<PageAnswer> {
    return this.#call(path, {
      method: 'POST',
      body: String(body),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    });
  }

  async signIn(name: string, password: string): Promise<void> {
    const answer = await this.submit('/login', '/login', { name, password });
    assert.equal(answer.status, 303, answer.text);
    assert.equal(answer.headers.get('location'), '/dashboard');
  }

  async #call(
    path: string,
    {
      headers,
      ...init
    }: Omit<RequestInit, 'headers'> & { readonly headers: Readonly<Record<string, string>> },
  ): Promise<PageAnswer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(`${this.url}${path}`, {
      ...init,
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { Cookie: cookie }), ...headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}
