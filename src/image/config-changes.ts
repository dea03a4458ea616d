import { EngineError } from '#base/errors';
import { expandWord, expandWords, type Variables } from '#spec/dockerfile/expand-word';
import type { StageInstruction } from '#spec/dockerfile/instructions';
import { parseTrigger } from '#spec/dockerfile/parse-dockerfile';
import { changeConfig, type Expander, type MetadataInstruction, workingDirectory } from './config-change.ts';
import type { WrittenConfig } from './written-config.ts';

/** What changes a configuration and needs neither files nor a build. */
const ALLOWED: ReadonlySet<string> = new Set<StageInstruction['keyword']>([
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'ONBUILD',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]);

/**
 * Applies the Dockerfile instructions that `docker import --change` and `docker commit --change` take.
 *
 * @throws {EngineError} `invalid`.
 */
export function applyChanges(changes: readonly string[], given: WrittenConfig = {}): WrittenConfig {
  let config = structuredClone(given);
  const seen = { hasCommand: false };
  for (const line of changes.flatMap(change => change.split('\n'))) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [keyword = ''] = /^\S+/.exec(text) ?? [];
    if (!ALLOWED.has(keyword.toUpperCase()))
      throw new EngineError('invalid', `${keyword.toLowerCase()} is not a valid change command`); // Docker's wording
    const instruction = parseTrigger(text);
    const scope = expanderOf(config);
    if (instruction.keyword === 'WORKDIR') {
      const WorkingDir = workingDirectory(config.WorkingDir, scope.expand(instruction.path));
      config = { ...config, WorkingDir };
    } else if (isMetadata(instruction)) config = changeConfig(config, instruction, { scope, seen }).config;
  }
  return config;
}

function isMetadata(instruction: StageInstruction): instruction is MetadataInstruction {
  return ALLOWED.has(instruction.keyword);
}

/** Variables are those that the configuration sets. */
function expanderOf({ Env = [] }: WrittenConfig): Expander {
  const variables: Variables = name =>
    Env.findLast(entry => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    expand: word => expandWord(word, variables),
    expandAll: word => expandWords(word, variables),
  };
}
