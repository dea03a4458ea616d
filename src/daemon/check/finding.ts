/** `missing` keeps the engine from working; `warning` costs a feature, speed or safety. */
export type Mark = 'ok' | 'warning' | 'missing';

/** One line of the list that `quai check` prints. */
export interface Finding {
  readonly name: string;
  readonly mark: Mark;
  /** what was found: a version, a list, a reason */
  readonly detail: string;
  /** what does not work without it; only for what is not ok */
  readonly why?: string;
  /** the command, or the step, that cures it */
  readonly cure?: string;
}

/** What a probe found, and what to say if that is not enough. */
export interface Advice {
  readonly why: string;
  readonly cure: string;
}

export function fine(name: string, detail = ''): Finding {
  return { name, mark: 'ok', detail };
}

export function warning(name: string, detail: string, advice: Advice): Finding {
  return { name, mark: 'warning', detail, ...advice };
}

export function missing(name: string, detail: string, advice: Advice): Finding {
  return { name, mark: 'missing', detail, ...advice };
}
