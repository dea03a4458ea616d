/** One line of `docker events`: something that has been committed. */
export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume' | 'daemon';
  readonly action: string;
  readonly actor: { readonly id: string; readonly attributes: Readonly<Record<string, string>> };
  /** nanoseconds since 1970 */
  readonly timeNanos: bigint;
}

/** Where services announce what they committed. */
export interface EventSink {
  emit(event: Omit<EngineEvent, 'timeNanos'>): void;
}
