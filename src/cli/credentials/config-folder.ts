import type { CliContext } from '../context.ts';

const path = process.getBuiltinModule('node:path');

/** Where the command line keeps what it remembers between runs; nothing here exists until it is written. */
export interface ConfigFolders {
  /** ours: `config.json` and the encrypted credentials */
  readonly own: string;
  /** the Docker command line's, of which `config.json` is read; the same as `own` when one folder was chosen for both */
  readonly docker: string;
  /** holds the key of the credentials, apart from them, so that a copy of the configuration alone opens nothing */
  readonly keys: string;
}

/**
 * A folder chosen by `--config`, `QUAI_CONFIG` or `DOCKER_CONFIG` (in this order) is used for everything; otherwise ours is
 * `~/.config/quai`, and Docker's `~/.docker`.
 */
export function configFolders({ env, configFlag }: Pick<CliContext, 'env' | 'configFlag'>): ConfigFolders {
  const home = env['HOME'] || process.getBuiltinModule('node:os').homedir();
  const chosen = configFlag || env['QUAI_CONFIG'] || env['DOCKER_CONFIG'];
  const own = chosen || path.join(env['XDG_CONFIG_HOME'] || path.join(home, '.config'), 'quai');
  return {
    own,
    docker: chosen || path.join(home, '.docker'),
    keys: path.join(env['XDG_DATA_HOME'] || path.join(home, '.local', 'share'), 'quai'),
  };
}
