import * as v from 'valibot';
import { EngineError, isKind, messageOf } from '#base/errors';
import { type FormBody, readFormBody } from '#http/form-body';
import { HttpError } from '#http/http-error';
import type { BytesReply, ReplyHeaders } from '#http/reply';
import { type Route, route } from '#http/route';
import { HTTP_STATUS } from '../http-status.ts';
import { type Answer, type FormProblem, type PageDocument, redirect } from './answer.ts';
import { errorPage, outOfDatePage } from './error-page.ts';
import { FieldError } from './field-error.ts';
import { checkForm, OutOfDateForm } from './form-guard.ts';
import { layout } from './layout.ts';
import { withQuery } from './paths.ts';
import { pageHeaders } from './security-headers.ts';
import type { SiteDeps } from './site-options.ts';
import { type SiteRequest, Visit } from './visit.ts';

/** Shows a page; `problem` says what was wrong with the form that it shows again. */
export type Show = (visit: Visit, problem?: FormProblem) => Answer | Promise<Answer>;
export type Submit = (visit: Visit) => Answer | Promise<Answer>;

const input = {
  params: v.record(v.string(), v.string()),
  query: v.record(v.string(), v.array(v.string())),
};

/** Makes routes of pages: reads cookies and forms, refuses forged ones, puts the layout around, makes pages of errors. */
export class Site {
  readonly #deps: SiteDeps;

  constructor(deps: SiteDeps) {
    this.#deps = deps;
  }

  /** A page that is looked at. `HEAD` goes the same way: the server leaves out the body. */
  get(pattern: string, show: Show): readonly Route[] {
    const handle = async (request: SiteRequest): Promise<BytesReply> => {
      const visit = new Visit(request, this.#deps);
      return await this.#answer(visit, () => show(visit));
    };
    return ['GET', 'HEAD'].map(method => route(method, pattern, input, handle));
  }

  /** What a form is sent to. What is wrong with the form is told by showing the page again, with what was typed. */
  post(pattern: string, submit: Submit, showAgain?: Show): Route {
    return route('POST', pattern, input, async request => {
      const blank = new Visit(request, this.#deps);
      return await this.#answer(blank, async () => {
        const form = await readFormBody(request.bytes, request.headers);
        try {
          this.#check(blank, form);
        } catch (error) {
          if (error instanceof OutOfDateForm) return this.#finish(blank, outOfDatePage(error.message, form));
          throw error;
        }
        const visit = new Visit(request, this.#deps, form);
        return this.#finish(visit, await submitOrShowAgain(visit, submit, showAgain));
      });
    });
  }

  /** The page for anything that was thrown, also where no route was found. */
  fail(error: unknown, request: SiteRequest): BytesReply {
    const visit = new Visit(request, this.#deps);
    return this.#finish(visit, pageOf(error, visit));
  }

  #check(visit: Visit, form: FormBody): void {
    checkForm(visit.headers, {
      secret: visit.formSecret,
      token: form.text('form-token'),
      host: this.#deps.options.host,
    });
  }

  async #answer(visit: Visit, work: () => Answer | Promise<Answer>): Promise<BytesReply> {
    try {
      return this.#finish(visit, await work());
    } catch (error) {
      if (statusOf(error) === 500) {
        this.#deps.options.logger.error('page failed', { path: visit.path, error });
      }
      return this.#finish(visit, pageOf(error, visit));
    }
  }

  #finish(visit: Visit, answer: Answer): BytesReply {
    if (answer.type === 'bytes') return answer;
    if (answer.type === 'redirect') {
      return {
        type: 'bytes',
        status: 303,
        headers: { ...headersOf(visit), Location: answer.to },
        body: '',
      };
    }
    const body = layout(visit, answer).toString();
    return { type: 'bytes', status: answer.status ?? 200, headers: headersOf(visit), body };
  }
}

async function submitOrShowAgain(visit: Visit, submit: Submit, showAgain: Show | undefined): Promise<Answer> {
  try {
    return await submit(visit);
  } catch (error) {
    if (!showAgain || !isAboutTheForm(error)) throw error;
    const problem: FormProblem = {
      message: sentence(messageOf(error)),
      ...(error instanceof FieldError ? { field: error.field } : {}),
    };
    const answer = await showAgain(visit, problem);
    return answer.type === 'page' ? { ...answer, status: statusOf(error) } : answer;
  }
}

function isAboutTheForm(error: unknown): boolean {
  return (
    error instanceof FieldError ||
    isKind(error, 'invalid', 'conflict', 'forbidden', 'unavailable') ||
    (isKind(error, 'unauthorized') && error.message !== '')
  );
}

function pageOf(error: unknown, visit: Visit): PageDocument | ReturnType<typeof redirect> {
  if (isKind(error, 'unauthorized') && !visit.viewer) {
    return redirect(withQuery('/login', { next: visit.returnPath }));
  }
  return errorPage(statusOf(error), statusOf(error) < 500 ? sentence(messageOf(error)) : undefined);
}

function statusOf(error: unknown): number {
  if (error instanceof FieldError) return 400;
  if (error instanceof EngineError) return HTTP_STATUS[error.kind];
  if (error instanceof HttpError) return error.status;
  return v.isValiError(error) ? 400 : 500;
}

/** Messages of services begin small and end without a stop, as programs have them. */
function sentence(message: string): string {
  const text = message.slice(0, 1).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function headersOf(visit: Visit): ReplyHeaders {
  const { newCookie } = visit;
  return {
    ...pageHeaders(visit),
    ...(newCookie === undefined ? {} : { 'Set-Cookie': newCookie }),
  };
}
