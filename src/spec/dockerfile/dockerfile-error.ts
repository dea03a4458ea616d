import { EngineError, messageOf } from '#base/errors';

/** Docker's wording for what is wrong with a line. */
export function parseError(line: number, reason: string): EngineError {
  return new EngineError('invalid', `dockerfile parse error on line ${line}: ${reason}`);
}

/** What is wrong with an instruction, before anyone knows on which line it stands. */
export function badInstruction(reason: string): EngineError {
  return new EngineError('invalid', reason);
}

/** Runs a parser of an instruction that begins on that line. */
export function onLine<T>(line: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof EngineError) throw parseError(line, messageOf(error));
    throw error;
  }
}
