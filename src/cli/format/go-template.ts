import { basicFunctions, checkArgumentCount, type TemplateFunctions } from './template-functions.ts';
import { TemplateError, UnknownNameError } from './template-lexer.ts';
import { type Node, type Operand, type Pipe, parseTemplate } from './template-parser.ts';
import { entriesOf, isTrue, Missing, printed, typedNil } from './template-values.ts';

export { TemplateError, UnknownNameError } from './template-lexer.ts';

/** A template ready to be used on any number of values. */
export interface Template {
  /** @throws {TemplateError} when the template asks for something that is not there. */
  render(value: unknown): string;
}

/** What stands for a field that a value does not have; `undefined` makes it an unknown name. */
export type AbsentField = (name: string) => unknown;

export interface TemplateOptions {
  readonly functions?: TemplateFunctions;
  readonly absent?: AbsentField;
}

/**
 * The part of Go's `text/template` that people use with `--format`: fields, pipes, variables, `if`, `with`, `range`, and
 * Docker's functions (`json`, `join`, `split`, `lower`, `upper`, `title`, `pad`, `truncate`).
 *
 * A field of a value may be a function: it is called with the arguments that follow it (`.Label "x"`).
 *
 * @throws {TemplateError} for a template that cannot be read.
 */
export function compileTemplate(
  source: string,
  { functions = basicFunctions, absent = () => undefined }: TemplateOptions = {},
): Template {
  const nodes = parseTemplate(source);
  return {
    render(value) {
      const run = new Run({ functions, absent }, value);
      run.all(nodes, value);
      return run.output;
    },
  };
}

type Scope = { readonly values: Map<string, unknown>; readonly outer: Scope | undefined };

/** What a `{{break}}` or `{{continue}}` leaves behind on its way to the loop. */
type Jump = 'break' | 'continue' | undefined;

class Run {
  output = '';
  readonly #functions: TemplateFunctions;
  readonly #absent: AbsentField;
  #scope: Scope;

  constructor({ functions, absent }: Required<TemplateOptions>, value: unknown) {
    this.#functions = functions;
    this.#absent = absent;
    this.#scope = { values: new Map([['$', value]]), outer: undefined };
  }

  all(nodes: readonly Node[], dot: unknown): Jump {
    for (const node of nodes) {
      const jump = this.#node(node, dot);
      if (jump) return jump;
    }
    return undefined;
  }

  #node(node: Node, dot: unknown): Jump {
    switch (node.kind) {
      case 'text':
        this.output += node.text;
        return undefined;
      case 'print': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.output += printed(value);
        return undefined;
      }
      case 'if':
      case 'with':
        return this.#inScope(() => {
          const value = this.#pipe(node.pipe, dot);
          if (!isTrue(value)) return this.all(node.otherwise, dot);
          return this.all(node.body, node.kind === 'with' ? value : dot);
        });
      case 'range':
        return this.#range(node, dot);
      case 'break':
      case 'continue':
        return node.kind;
    }
  }

  #range(node: Extract<Node, { kind: 'range' }>, dot: unknown): Jump {
    const list = this.#pipe({ ...node.pipe, variables: [] }, dot);
    const items = entriesOf(list);
    if (items.length === 0) return this.#inScope(() => this.all(node.otherwise, dot));
    const { variables } = node.pipe;
    for (const [key, value] of items) {
      const jump = this.#inScope(() => {
        if (variables.length === 1) this.#declare(variables[0] ?? '', value);
        if (variables.length === 2) {
          this.#declare(variables[0] ?? '', key);
          this.#declare(variables[1] ?? '', value);
        }
        return this.all(node.body, value);
      });
      if (jump === 'break') break;
    }
    return undefined;
  }

  #inScope(work: () => Jump): Jump {
    this.#scope = { values: new Map(), outer: this.#scope };
    try {
      return work();
    } finally {
      this.#scope = this.#scope.outer ?? this.#scope;
    }
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let piped: { value: unknown } | undefined;
    for (const command of pipe.commands) piped = { value: this.#command(command, dot, piped) };
    const [name] = pipe.variables;
    if (name !== undefined) {
      if (pipe.assigns) this.#assign(name, piped?.value);
      else this.#declare(name, piped?.value);
    }
    return piped?.value;
  }

  #command(operands: readonly Operand[], dot: unknown, piped: { value: unknown } | undefined): unknown {
    const [head, ...rest] = operands;
    if (!head) throw new TemplateError('missing value for command');
    const args = (): unknown[] => [
      ...rest.map(one => this.#operand(one, dot, [])),
      ...(piped ? [piped.value] : []),
    ];
    if (head.kind === 'call') return this.#call(head.name, args());
    if (head.kind === 'path' && head.path.length > 0) return this.#operand(head, dot, args());
    if (rest.length > 0 || piped) throw new TemplateError("can't give argument to non-function");
    return this.#operand(head, dot, []);
  }

  #operand(operand: Operand, dot: unknown, args: readonly unknown[]): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'call':
        return this.#call(operand.name, []);
      case 'path':
        return this.#follow(this.#start(operand.from, dot), operand.path, args);
    }
  }

  #start(from: Extract<Operand, { kind: 'path' }>['from'], dot: unknown): unknown {
    if (from === 'dot') return dot;
    return 'pipe' in from ? this.#pipe(from.pipe, dot) : this.#variable(from.variable).get(from.variable);
  }

  #follow(start: unknown, path: readonly string[], args: readonly unknown[]): unknown {
    let here = start;
    path.forEach((name, index) => {
      const isLast = index === path.length - 1;
      here = field(here, name, isLast ? args : [], this.#absent);
    });
    return here;
  }

  #call(name: string, args: readonly unknown[]): unknown {
    const called = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (!called) throw new UnknownNameError(`function "${name}" not defined`);
    checkArgumentCount(name, args.length);
    return called(...args);
  }

  #declare(name: string, value: unknown): void {
    this.#scope.values.set(name, value);
  }

  #assign(name: string, value: unknown): void {
    this.#variable(name).set(name, value);
  }

  #variable(name: string): Map<string, unknown> {
    for (let scope: Scope | undefined = this.#scope; scope; scope = scope.outer) {
      if (scope.values.has(name)) return scope.values;
    }
    throw new TemplateError(`undefined variable "${name}"`);
  }
}

/** A field of an object. A missing one is an error if it is named like a field, and nothing if like a key (labels). */
function field(value: unknown, name: string, args: readonly unknown[], absentField: AbsentField): unknown {
  if (value instanceof Missing) throw value.error();
  if (value === null || value === undefined) throw new TemplateError(`nil data; no entry for key "${name}"`);
  if (typeof value !== 'object') throw new TemplateError(`can't evaluate field ${name} in a ${typeof value}`);
  if (!Object.hasOwn(value, name)) {
    const absent = absentField(name);
    return absent === undefined ? new Missing(name, Object.keys(value)) : absent;
  }
  const found: unknown = Reflect.get(value, name);
  if (found === null) return typedNil(name);
  if (typeof found === 'function') return Reflect.apply(found, value, args);
  if (args.length > 0) throw new TemplateError(`${name} has arguments but cannot be invoked as function`);
  return found;
}
