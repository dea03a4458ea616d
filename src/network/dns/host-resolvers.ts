import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { codeOf } from '#base/errors';
import { hostResolvConf } from './resolv-conf.ts';

export const RESOLV_CONF = '/etc/resolv.conf';
export const SYSTEMD_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';
/** A network that was joined changes them: rare, and nobody waits for it. */
const LOOK_EVERY_MS = 5_000;

/** The host's resolv.conf, or the one with the servers behind systemd's stub. */
export function readHostResolvConf(): string {
  return hostResolvConf(readOptional(RESOLV_CONF) ?? '', readOptional(SYSTEMD_RESOLV_CONF));
}

/** Calls back after the host's resolvers have changed, until it is disposed. Does not keep the process alive. */
export function watchHostResolvers(onChange: () => void): Disposable {
  let before = readHostResolvConf();
  const look = (): void => {
    const now = readHostResolvConf();
    if (now === before) return;
    before = now;
    onChange();
  };
  // By looking: the file is replaced, often through a link, which a watch of the kernel's would lose sight of.
  for (const path of [RESOLV_CONF, SYSTEMD_RESOLV_CONF]) {
    watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, look);
  }
  return {
    [Symbol.dispose]: () => {
      for (const path of [RESOLV_CONF, SYSTEMD_RESOLV_CONF]) unwatchFile(path, look);
    },
  };
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
