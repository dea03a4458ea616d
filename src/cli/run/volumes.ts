import { CliError } from '../cli-error.ts';
import type { LocalFiles } from './local-files.ts';

export interface VolumeOptions {
  /** `source:target[:options]`, where source is a path or the name of a volume */
  readonly binds: string[];
  /** targets that get a volume of their own */
  readonly anonymous: Record<string, object>;
}

/** `--volume` in its three forms. A source that begins with a dot is made absolute here, where the folder is known. */
export function readVolumes(list: readonly string[], files: Pick<LocalFiles, 'resolve'>): VolumeOptions {
  const binds: string[] = [];
  const anonymous: Record<string, object> = {};
  for (const text of new Set(list)) {
    const parts = text.split(':');
    if (text === '') throw new CliError('invalid empty volume spec', 125);
    if (text.length > 2 && parts.includes('')) {
      throw new CliError(`invalid spec: ${text}: empty section between colons`, 125);
    }
    if (parts.length > 3) throw new CliError(`invalid spec: ${text}: too many colons`, 125);
    const [source = '', ...rest] = parts;
    if (rest.length === 0 || text.length <= 2) anonymous[text] = {};
    else binds.push([source.startsWith('.') ? files.resolve(source) : source, ...rest].join(':'));
  }
  return { binds, anonymous };
}
