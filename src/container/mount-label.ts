import { createHash } from 'node:crypto';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { parseSecurityOptions } from '#runtime/oci-spec/security-options';
import type { JailPool } from '#store/jail-pool';
import type { Container, MountPoint } from './container.ts';

export interface MountLabelDeps {
  readonly host: { readonly selinuxFileContext?: string };
  readonly jail: Pick<JailPool, 'run'>;
  readonly logger: Logger;
}

/** Categories of SELinux are c0 to c1023; a private label has two. */
const CATEGORIES = 1024;

/**
 * `:z` and `:Z`: gives the source of a mount the label by which all containers, or this one, may use it. Nothing happens where there
 * is no SELinux, or the file system has no labels (as Docker).
 *
 * @throws {EngineError} `invalid` for directories that the host cannot do without, with Docker's wording.
 */
export async function labelSource(
  { id, hostConfig }: Pick<Container, 'id' | 'hostConfig'>,
  { source, mode }: Pick<MountPoint, 'source' | 'mode'>,
  { host, jail, logger }: MountLabelDeps,
  options: Abortable,
): Promise<void> {
  const words = mode.split(',');
  const shared = host.selinuxFileContext;
  if (shared === undefined || !(words.includes('z') || words.includes('Z'))) return;
  const labels = parseSecurityOptions(hostConfig.SecurityOpt).labels;
  if (labels.includes('disable')) return;
  const context = words.includes('Z') ? withLevel(shared, levelOf(labels) ?? privateLevel(id)) : shared;
  const result = await jail.run('relabel', { path: source, context }, options);
  if (result === 'protected')
    throw new EngineError('invalid', `SELinux relabeling of ${source} is not allowed`);
  if (result === 'unsupported') logger.debug('a file system has no labels of SELinux', { path: source });
}

function levelOf(labels: readonly string[]): string | undefined {
  return labels.find(label => label.startsWith('level:'))?.slice('level:'.length);
}

/** user:role:type:level; the level may hold colons. */
function withLevel(context: string, level: string): string {
  return [...context.split(':').slice(0, 3), level].join(':');
}

/** The same at each start: two categories that follow from the ID. */
function privateLevel(id: string): string {
  const hash = createHash('sha256').update(id).digest();
  const first = hash.readUInt16BE(0) % CATEGORIES;
  const second = (first + 1 + (hash.readUInt16BE(2) % (CATEGORIES - 1))) % CATEGORIES;
  const [low, high] = [first, second].toSorted((a, b) => a - b);
  return `s0:c${low},c${high}`;
}
