/** A set-up that cannot go on: what is wrong, why it matters, and the command that cures it. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly why: string;
  readonly cure: string;

  constructor({ what, why, cure }: { readonly what: string; readonly why: string; readonly cure: string }) {
    super(what);
    this.why = why;
    this.cure = cure;
  }
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function complain(error: SetupError): void {
  process.stderr.write(`✗ ${error.message}\n  why it matters: ${error.why}\n  cure: ${error.cure}\n`);
}
