import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEFAULT_HOST } from './endpoint.ts';

/** What decides how the engine is started on this machine. */
export interface StartFacts {
  /** systemd runs the machine, and has our unit */
  readonly hasUnit: boolean;
  /** the folder of the repository that this program is in; absent: it was installed otherwise */
  readonly checkout?: string;
}

/** The command that starts an engine at this address. The unit, and what `npm start` starts, are at the usual one. */
export function startStep(address: string, { hasUnit, checkout }: StartFacts): string {
  if (address !== DEFAULT_HOST) return `sudo quai daemon --host ${address}`;
  if (hasUnit) return 'sudo systemctl start quai';
  return checkout === undefined ? 'sudo quai daemon' : `cd ${checkout} && sudo npm start`;
}

export function startFacts(): StartFacts {
  const hasUnit =
    existsSync('/run/systemd/system') &&
    ['/etc', '/lib', '/usr/lib'].some(folder => existsSync(`${folder}/systemd/system/quai.service`));
  const folder = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
  return existsSync(`${folder}/.git`) ? { hasUnit, checkout: folder } : { hasUnit };
}
