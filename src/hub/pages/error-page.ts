import type { FormBody } from '#http/form-body';
import { type PageDocument, page } from './answer.ts';
import { type Content, html } from './html.ts';

const TITLES: Readonly<Record<number, readonly [title: string, text: string]>> = {
  400: ['That did not work', 'The request was not understood.'],
  403: ['Not allowed', 'Your account may not do this here.'],
  404: ['Page not found', 'There is nothing here, or nothing that you may see.'],
  405: ['Not this way', 'This address takes another kind of request.'],
  408: ['Too slow', 'The request took too long to arrive.'],
  409: ['In the way', 'Something else has this name already.'],
  413: ['Too large', 'The request is larger than what is taken here.'],
  415: ['Not a form', 'The request is not the form that belongs here.'],
  429: ['Slow down', 'There were too many attempts. Wait a minute, then try again.'],
  500: ['Something broke', 'The hub failed to do this. Its log says why; try again in a moment.'],
  501: ['Not there yet', 'The hub can not do this yet.'],
};

/** An error as a page. What is not found says nothing of why: a private repository looks like none at all. */
export function errorPage(status: number, message?: string, more?: Content): PageDocument {
  const [title, text] = TITLES[status] ?? TITLES[status < 500 ? 400 : 500] ?? ['', ''];
  return page(
    title,
    html`<section class="error-page">
      <p class="error-status" aria-hidden="true">${status}</p>
      <h1>${title}</h1>
      <p>${status === 404 || message === undefined ? text : message}</p>
      <p class="actions"><a class="button primary" href="/explore">Explore images</a> <a class="button" href="/">Go to the start</a></p>
    </section>${more}`,
    { status, width: 'narrow' },
  );
}

/** Shorter texts are typed again sooner than copied. */
const WORTH_KEEPING = 30;
const SECRET = /password|current|again|token|code|secret/;

/**
 * For a form of a session that has ended. What somebody has written for long is there to be copied: the form came from a page of this
 * site, or it would not have come this far.
 */
export function outOfDatePage(message: string, form: FormBody): PageDocument {
  const kept = form.names.filter(name => !SECRET.test(name) && form.text(name).length >= WORTH_KEEPING);
  const texts = kept.map(
    name => html`<section class="panel"><h2>What you had written</h2>
      <div class="field"><textarea rows="12" readonly aria-label="${name}">
${form.text(name)}</textarea></div></section>`,
  );
  return errorPage(403, message, texts);
}
