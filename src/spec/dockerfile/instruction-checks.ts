import type { Command, Escape, Instruction, Warning } from './instructions.ts';
import { looksLikeJsonList } from './json-list.ts';
import { isLegacyPair } from './parse-pairs.ts';
import { cutAtBlank } from './split-words.ts';

/** What is seen in one instruction. */
export function checkInstruction(instruction: Instruction, escape: Escape): Warning[] {
  return findings(instruction, escape).map(([rule, message]) => ({
    rule,
    message,
    line: instruction.lines.first,
  }));
}

type Finding = readonly [rule: string, message: string];

function findings(instruction: Instruction, escape: Escape): Finding[] {
  switch (instruction.keyword) {
    case 'FROM':
      return fromFindings(instruction);
    case 'ENV':
      return [
        ...legacy(instruction.keyword, instruction.original, escape),
        ...instruction.pairs.flatMap(({ key }) => secretName('ENV', key)),
      ];
    case 'LABEL':
      return legacy(instruction.keyword, instruction.original, escape);
    case 'ARG':
      return instruction.args.flatMap(({ key }) => secretName('ARG', key));
    case 'CMD':
    case 'ENTRYPOINT':
      return shellForm(instruction.keyword, instruction.command);
    case 'RUN':
      return instruction.command.form === 'script' ? [] : malformedList('RUN', instruction.command);
    case 'MAINTAINER':
      return [['MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label']];
    case 'EXPOSE':
      return instruction.ports.flatMap(exposed);
    case 'ADD':
    case 'COPY':
    case 'HEALTHCHECK':
    case 'ONBUILD':
    case 'SHELL':
    case 'STOPSIGNAL':
    case 'USER':
    case 'VOLUME':
    case 'WORKDIR':
      return [];
    default:
      return instruction satisfies never;
  }
}

function fromFindings({ original, as, platform }: Extract<Instruction, { keyword: 'FROM' }>): Finding[] {
  const [keyword] = cutAtBlank(original);
  const found: Finding[] = [];
  if (as !== undefined) {
    const written = /\s(as)\s+\S+$/i.exec(original)?.[1] ?? 'AS';
    const isUpper = keyword === keyword.toUpperCase();
    if (written !== (isUpper ? 'AS' : 'as'))
      found.push(['FromAsCasing', `'${written}' and '${keyword}' keywords' casing do not match`]);
    if (as !== as.toLowerCase()) found.push(['StageNameCasing', `Stage name '${as}' should be lowercase`]);
    if (/^(?:scratch|context)$/i.test(as)) {
      const message = `Stage name should not use the same name as reserved stage "${as.toLowerCase()}"`;
      found.push(['ReservedStageName', message]);
    }
  }
  if (platform !== undefined && /^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform)) {
    const message = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
    found.push(['RedundantTargetPlatform', message]);
  } else if (platform !== undefined && !platform.includes('$')) {
    const message = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`;
    found.push(['FromPlatformFlagConstDisallowed', message]);
  }
  return found;
}

function legacy(keyword: 'ENV' | 'LABEL', original: string, escape: Escape): Finding[] {
  if (!isLegacyPair(cutAtBlank(original)[1], escape)) return [];
  const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
  return [['LegacyKeyValueFormat', message]];
}

const SECRET_WORDS =
  /(?:^|_)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const PUBLIC_WORDS = /(?:^|_)public(?:_|$)/i;

/** A name alone is not sure; what it holds would stand in the image for everyone to read. */
function secretName(keyword: 'ENV' | 'ARG', key: string): Finding[] {
  if (!SECRET_WORDS.test(key) || PUBLIC_WORDS.test(key)) return [];
  const message = `Do not use ARG or ENV instructions for sensitive data (${keyword} ${JSON.stringify(key)})`;
  return [['SecretsUsedInArgOrEnv', message]];
}

function shellForm(keyword: 'CMD' | 'ENTRYPOINT', command: Command): Finding[] {
  const malformed = malformedList(keyword, command);
  if (command.form === 'exec' || malformed.length > 0) return malformed;
  const message = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
  return [['JSONArgsRecommended', message]];
}

/** Run by the shell with brackets and all, which is never meant. */
function malformedList(keyword: string, command: Command): Finding[] {
  if (command.form === 'exec' || !looksLikeJsonList(command.text)) return [];
  const hint = 'it is run by the shell; strings want double quotes, and no comma after the last';
  return [['MalformedJSONArgs', `Arguments of ${keyword} look like JSON and are not: ${hint}`]];
}

function exposed(port: string): Finding[] {
  if (port.includes('$')) return [];
  const [number = '', protocol = ''] = port.split('/');
  if (number.includes(':')) {
    const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
    return [['ExposeInvalidFormat', message]];
  }
  if (protocol === protocol.toLowerCase()) return [];
  const message = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
  return [['ExposeProtoCasing', message]];
}
