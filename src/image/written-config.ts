/** The `config` member of an image configuration, as written: only what is set. */
export interface WrittenConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  OnBuild?: string[];
  Healthcheck?: WrittenHealthcheck;
  Shell?: readonly string[];
  /** seconds */
  StopTimeout?: number;
}

/** Durations in nanoseconds; what is absent is inherited, or the default. */
export interface WrittenHealthcheck {
  Test?: readonly string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}
