import { messageOf } from '#base/errors';

/** What the system said, without Node's additions: `no such file or directory`. */
export function systemMessage(error: unknown): string {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return process.getBuiltinModule('node:util').getSystemErrorMessage(error.errno);
  }
  return messageOf(error);
}
