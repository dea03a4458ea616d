/** How lines of the log can look, and which of them can be written. */
export const LOG_FORMATS = ['json', 'human', 'journal'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
