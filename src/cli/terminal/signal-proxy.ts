import type { EventEmitter } from 'node:events';
import type { ApiClient } from '#client/api-client';

/** What a shell, a service manager or a person sends; the window size goes another way, and SIGPIPE is ours. */
const PROXIED: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGTSTP',
];

/** So many Ctrl-C and SIGTERM end the client even if the container ignores them. */
const PATIENCE = 3;

/**
 * Passes signals on to a container instead of dying of them.
 *
 * @returns a handle that ends it.
 */
export function proxySignals(
  client: Pick<ApiClient, 'call'>,
  container: string,
  giveUp: () => void,
  signals: Pick<EventEmitter, 'on' | 'off'> = process,
): Disposable {
  let asked = 0;
  const forward = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' || signal === 'SIGTERM') asked++;
    if (asked >= PATIENCE) {
      giveUp();
      return;
    }
    const sent = client.call('POST', `/containers/${container}/kill`, { query: { signal: signal.slice(3) } });
    sent.catch(() => undefined); // it is not running any more, or not yet
  };
  for (const signal of PROXIED) signals.on(signal, forward);
  return {
    [Symbol.dispose]: () => {
      for (const signal of PROXIED) signals.off(signal, forward);
    },
  };
}
