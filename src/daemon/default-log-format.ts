import type { LogFormat } from './log-choices.ts';
import { isJournal } from './service-manager.ts';

/** For people at a terminal, for the journal where it keeps what is printed, otherwise for programs. */
export function defaultLogFormat(): LogFormat {
  if (process.stderr.isTTY) return 'human';
  return isJournal(process.env['JOURNAL_STREAM']) ? 'journal' : 'json';
}
