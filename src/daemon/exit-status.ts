import { isKind } from '#base/errors';

/** Exit statuses as sysexits.h names them: service managers show the name, and need not try again what cannot work. */
export const EXIT = { failed: 1, softwareBug: 70, tryLater: 75, wrongConfig: 78 } as const;

/** The status that says why a start failed. */
export function exitStatusOf(error: unknown): number {
  if (isKind(error, 'conflict')) return EXIT.tryLater;
  return isKind(error, 'invalid') ? EXIT.wrongConfig : EXIT.failed;
}

/** Undoing a start may fail, too; what matters is why that was needed. */
export function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}
