import type { BytesReply } from '#http/reply';
import type { Html } from './html.ts';

/** Which link of the navigation a page belongs to. */
export type Section = 'explore' | 'dashboard' | 'organizations' | 'create' | 'settings' | 'admin';

/** A page before the layout is around it. */
export interface PageDocument {
  readonly type: 'page';
  readonly title: string;
  readonly body: Html;
  readonly section?: Section;
  readonly status?: number;
  /** narrow for forms, wide for the rest */
  readonly width?: 'narrow' | 'wide';
}

/** Where to go after a form, with what is told there: a key of `NOTICES`. */
export interface Redirect {
  readonly type: 'redirect';
  readonly to: string;
}

export type Answer = PageDocument | Redirect | BytesReply;

export function page(
  title: string,
  body: Html,
  options: Omit<PageDocument, 'type' | 'title' | 'body'> = {},
): PageDocument {
  return { type: 'page', title, body, ...options };
}

export function redirect(to: string): Redirect {
  return { type: 'redirect', to };
}

/** What was wrong with a form that comes back, and where. */
export interface FormProblem {
  readonly message: string;
  /** the name of the field; absent: the form as a whole */
  readonly field?: string;
}
