import type { FormProblem } from './answer.ts';
import { attribute, type Content, flag, type Html, html } from './html.ts';
import { type Choice, options } from './parts.ts';

export interface FieldInput {
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  readonly hint?: Content;
  readonly problem?: FormProblem | undefined;
  readonly isRequired?: boolean;
  readonly maxLength?: number;
}

export interface TextFieldInput extends FieldInput {
  readonly type?: 'text' | 'password' | 'url' | 'date';
  readonly autocomplete?: string;
  readonly placeholder?: string;
  /** what may stand there, told by the browser before the form is sent */
  readonly pattern?: string;
  readonly prefix?: string;
}

/** What was wrong with a form as a whole; beside a field it is told there. */
export function formProblem(problem: FormProblem | undefined): Html | undefined {
  if (!problem || problem.field !== undefined) return undefined;
  return html`<div class="notice notice-bad" role="alert">${problem.message}</div>`;
}

export function textField(input: TextFieldInput): Html {
  const { name, type = 'text', value = '', autocomplete = 'off', placeholder, pattern } = input;
  const box = html`<input id="f-${name}" name="${name}" type="${type}" value="${value}" autocomplete="${autocomplete}"
    maxlength="${input.maxLength ?? 200}" aria-describedby="h-${name}" spellcheck="false" autocapitalize="none"
    ${attribute('placeholder', placeholder)} ${attribute('pattern', pattern)} ${flag('required', input.isRequired === true)} ${flag('autofocus', isWrong(input))}>`;
  return around(
    input,
    input.prefix === undefined
      ? box
      : html`<span class="joined"><span class="prefix">${input.prefix}</span>${box}</span>`,
  );
}

export function textArea(input: FieldInput & { readonly rows?: number }): Html {
  const { name, value = '', rows = 4, maxLength = 100_000 } = input;
  // The first line end after the tag belongs to the tag, not to the text (HTML, 13.1.2.5).
  return around(
    input,
    html`<textarea id="f-${name}" name="${name}" rows="${rows}" maxlength="${maxLength}" aria-describedby="h-${name}">
${value}</textarea>`,
  );
}

export function selectField(input: FieldInput & { readonly choices: readonly Choice[] }): Html {
  const { name, choices, value = '' } = input;
  return around(
    input,
    html`<select id="f-${name}" name="${name}" aria-describedby="h-${name}">${options(choices, value)}</select>`,
  );
}

export interface RadioChoice extends Choice {
  readonly hint: string;
}

export function radioField(
  input: Pick<FieldInput, 'name' | 'label' | 'value'> & { readonly choices: readonly RadioChoice[] },
): Html {
  return html`<fieldset class="field"><legend>${input.label}</legend>
    ${input.choices.map(
      ({ value, label, hint }) => html`<label class="choice">
        <input type="radio" name="${input.name}" value="${value}" ${flag('checked', value === input.value)}>
        <span><strong>${label}</strong><span class="hint">${hint}</span></span>
      </label>`,
    )}
  </fieldset>`;
}

function isWrong({ name, problem }: FieldInput): boolean {
  return problem?.field === name;
}

function around(input: FieldInput, box: Html): Html {
  const { name, label, hint, problem } = input;
  const isBad = isWrong(input);
  return html`<div class="field ${isBad ? 'bad' : ''}">
    <label for="f-${name}">${label}</label>
    ${box}
    <div id="h-${name}" class="hint">${isBad && html`<strong class="wrong">${problem?.message}</strong> `}${hint}</div>
  </div>`;
}
