import type { LayerRecord } from '#image/image-table';
import { withoutBlank } from '#image/squashed-config';
import { toWritten, type WrittenConfig } from '#image/written-config';
import { DEFAULT_PATH } from '#runtime/oci-spec/environment';
import { parseImageConfig } from '#spec/oci/image-config';
import { normalizePlatform, type Platform } from '#spec/oci/platform';
import type { HistoryEntry, StageState } from './stage-state.ts';

/** What Docker's builder signs its entries with; tools look for it. */
export const HISTORY_COMMENT = 'buildkit.dockerfile.v0';

/** Where `FROM scratch` begins. */
export function emptyState(platform: Platform): StageState {
  return { layers: [], config: withPath({}), history: [], platform, author: '' };
}

/** Where a stage begins that is made from an image. @throws {EngineError} `invalid` for a bad configuration. */
export function stateOf(bytes: Buffer, layers: readonly LayerRecord[]): StageState {
  const parsed = parseImageConfig(bytes);
  const history: HistoryEntry[] = parsed.history.map(({ empty_layer: isEmpty, ...rest }) => ({
    ...withoutBlank(rest),
    ...(isEmpty ? { empty_layer: true } : {}),
  }));
  // Of an image that tells less than it has: each layer needs an entry.
  const told = history.filter(entry => entry.empty_layer !== true).length;
  for (let index = told; index < layers.length; index += 1) history.push({ created: parsed.created });
  return {
    layers,
    config: withPath(toWritten(parsed.config)),
    history,
    platform: normalizePlatform(parsed),
    author: parsed.author,
  };
}

/** As Docker's builders do it: ENV PATH=/x:$PATH adds to what a container would have anyway. */
function withPath(config: WrittenConfig): WrittenConfig {
  const { Env = [] } = config;
  if (Env.some(pair => pair.startsWith('PATH='))) return config;
  return { ...config, Env: [...Env, `PATH=${DEFAULT_PATH}`] };
}

/** The configuration blob of a finished stage. @param created of the image; absent: as its last step */
export function documentOf(state: StageState, created?: string): Buffer {
  const { layers, config, history, platform, author } = state;
  return Buffer.from(
    JSON.stringify({
      ...withoutBlank({ author }),
      ...platform,
      config,
      created: created ?? lastCreated(history) ?? new Date().toISOString(),
      history,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
}

/** What a step added last says of when it was. */
export function lastCreated(history: readonly HistoryEntry[]): string | undefined {
  return history.findLast(({ created }) => created !== undefined && created !== '')?.created;
}
