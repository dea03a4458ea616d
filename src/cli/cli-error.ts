/** Ends the program with a message and a status. `message` is complete; nothing is put before it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly status: number;

  constructor(message: string, status = 1, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** What `run` ends with 125 for ends other commands with 1, as with Docker. */
export function endingWithOne<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof CliError) throw new CliError(error.message, 1, { cause: error });
    throw error;
  }
}

/** What the engine told in the middle of an answer that had begun well: of a pull, a push, a load. */
export class StreamedError extends CliError {}

/** The engine went away while a container was waited for. The container is none of the engine's children, and runs on. */
export class EngineLostError extends CliError {
  constructor(container: string, options?: ErrorOptions) {
    const id = container.slice(0, 12);
    const lines = [
      `lost the connection to the engine while container ${id} was running; it runs on without one`,
      `See after it when the engine is back:  quai ps -a    quai logs -f ${id}    quai attach ${id}`,
    ];
    super(lines.join('\n'), 125, options);
  }
}

/** A wrong flag or argument: the usage line of the command follows the message. `hint` says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
