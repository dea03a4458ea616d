import { nearest } from '#base/spelling';
import { badInstruction } from './dockerfile-error.ts';
import type { RawHeredoc } from './heredoc.ts';
import { cutFlags, type FlagKind, InstructionFlags } from './instruction-flags.ts';
import type { Escape, Instruction, Keyword, Lines, StageInstruction, Word } from './instructions.ts';
import { jsonList } from './json-list.ts';
import type { LogicalLine } from './logical-lines.ts';
import { parseCommand } from './parse-command.ts';
import { parseHealthcheck } from './parse-healthcheck.ts';
import { parseArgs, parsePairs } from './parse-pairs.ts';
import { parseRun, RUN_FLAGS } from './parse-run.ts';
import { ADD_FLAGS, COPY_FLAGS, parseAdd, parseCopy } from './parse-transfer.ts';
import { cutAtBlank, splitAtBlanks } from './split-words.ts';

/** What an instruction is made of, flags apart. */
interface Parts {
  readonly text: string;
  readonly flags: InstructionFlags;
  readonly heredocs: readonly RawHeredoc[];
  readonly escape: Escape;
}

type WithoutPlace<T> = T extends { readonly lines: Lines } ? Omit<T, 'lines' | 'original'> : never;

interface Grammar {
  readonly flags?: Readonly<Record<string, FlagKind>>;
  parse(parts: Parts): WithoutPlace<Instruction>;
}

const HEALTH_FLAGS = {
  interval: 'text',
  timeout: 'text',
  'start-period': 'text',
  'start-interval': 'text',
  retries: 'text',
} as const;

const GRAMMARS: Readonly<Record<Keyword, Grammar>> = {
  ADD: { flags: ADD_FLAGS, parse: ({ flags, text, heredocs }) => parseAdd(flags, text, heredocs) },
  ARG: { parse: ({ text, escape }) => ({ keyword: 'ARG', args: parseArgs(text, escape) }) },
  CMD: { parse: ({ text }) => ({ keyword: 'CMD', command: parseCommand('CMD', text) }) },
  COPY: { flags: COPY_FLAGS, parse: ({ flags, text, heredocs }) => parseCopy(flags, text, heredocs) },
  ENTRYPOINT: {
    parse: ({ text }) => ({ keyword: 'ENTRYPOINT', command: parseCommand('ENTRYPOINT', text) }),
  },
  ENV: { parse: ({ text, escape }) => ({ keyword: 'ENV', pairs: parsePairs('ENV', text, escape) }) },
  EXPOSE: { parse: ({ text }) => ({ keyword: 'EXPOSE', ports: some('EXPOSE', splitAtBlanks(text)) }) },
  FROM: { flags: { platform: 'text' }, parse: parseFrom },
  HEALTHCHECK: {
    flags: HEALTH_FLAGS,
    parse: ({ flags, text }) => ({ keyword: 'HEALTHCHECK', check: parseHealthcheck(flags, text) }),
  },
  LABEL: { parse: ({ text, escape }) => ({ keyword: 'LABEL', pairs: parsePairs('LABEL', text, escape) }) },
  MAINTAINER: { parse: ({ text }) => ({ keyword: 'MAINTAINER', maintainer: one('MAINTAINER', text) }) },
  ONBUILD: { parse: parseOnbuild },
  RUN: { flags: RUN_FLAGS, parse: ({ flags, text, heredocs }) => parseRun(flags, text, heredocs) },
  SHELL: { parse: ({ text }) => ({ keyword: 'SHELL', args: shellOf(text) }) },
  STOPSIGNAL: { parse: ({ text }) => ({ keyword: 'STOPSIGNAL', signal: one('STOPSIGNAL', text) }) },
  USER: { parse: ({ text }) => ({ keyword: 'USER', user: one('USER', text) }) },
  VOLUME: {
    parse: ({ text }) => ({
      keyword: 'VOLUME',
      paths: some('VOLUME', jsonList(text) ?? splitAtBlanks(text)).map(volumePath),
    }),
  },
  WORKDIR: { parse: ({ text }) => ({ keyword: 'WORKDIR', path: one('WORKDIR', text) }) },
};

export const KEYWORDS: readonly string[] = Object.keys(GRAMMARS);

/** @throws {EngineError} `invalid`, without the number of the line. */
export function parseInstruction({ text, lines, heredocs }: LogicalLine, escape: Escape): Instruction {
  const [word, rest] = cutAtBlank(text);
  const keyword = keywordOf(word);
  const grammar = GRAMMARS[keyword];
  // The instruction behind ONBUILD has the flags.
  const { flags, rest: args } = keyword === 'ONBUILD' ? { flags: [], rest } : cutFlags(rest);
  const parts = {
    text: args,
    flags: new InstructionFlags(flags, grammar.flags ?? {}),
    heredocs,
    escape,
  };
  return Object.assign({ lines, original: text }, grammar.parse(parts));
}

export function isStageInstruction(instruction: Instruction): instruction is StageInstruction {
  return instruction.keyword !== 'FROM';
}

function keywordOf(word: string): Keyword {
  const name = word.toUpperCase();
  if (isKeyword(name)) return name;
  const meant = nearest(name, KEYWORDS);
  const shown = word.length > 100 ? `${word.slice(0, 100)}…` : word;
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  throw badInstruction(`unknown instruction: ${shown}${hint}`);
}

function isKeyword(name: string): name is Keyword {
  return Object.hasOwn(GRAMMARS, name);
}

function parseFrom({ flags, text }: Parts): WithoutPlace<Instruction> {
  const [image, as, name, ...others] = splitAtBlanks(text);
  const isNamed = as?.toLowerCase() === 'as' && name !== undefined && others.length === 0;
  if (image === undefined || (as !== undefined && !isNamed))
    throw badInstruction('FROM requires either one or three arguments: FROM image, or FROM image AS name');
  if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/i.test(name)) {
    const hint = "name can't start with a number or contain symbols";
    throw badInstruction(`invalid name for build stage: ${JSON.stringify(name)}, ${hint}`);
  }
  const platform = flags.text('platform');
  return {
    keyword: 'FROM',
    image,
    ...(platform !== undefined && { platform }),
    ...(name !== undefined && { as: name }),
  };
}

function parseOnbuild({ text, heredocs, escape }: Parts): WithoutPlace<Instruction> {
  const trigger = one('ONBUILD', text);
  const [word] = cutAtBlank(trigger);
  const keyword = word.toUpperCase();
  if (keyword === 'ONBUILD') throw badInstruction("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (keyword === 'FROM' || keyword === 'MAINTAINER')
    throw badInstruction(`${keyword} isn't allowed as an ONBUILD trigger`);
  parseInstruction({ text: trigger, lines: { first: 1, last: 1 }, heredocs, emptyLines: [] }, escape);
  return {
    keyword: 'ONBUILD',
    trigger: trigger + heredocs.map(({ body, name }) => `\n${body}${name}`).join(''),
  };
}

function shellOf(text: string): string[] {
  const args = jsonList(text);
  if (!args)
    throw badInstruction('SHELL requires the arguments to be in JSON form: SHELL ["/bin/bash", "-c"]');
  return some('SHELL', args);
}

function volumePath(path: Word): Word {
  if (path.trim() === '') throw badInstruction('VOLUME specified can not be an empty string');
  return path;
}

function one(keyword: Keyword, text: string): Word {
  if (text === '') throw badInstruction(`${keyword} requires exactly one argument`);
  return text;
}

function some<T>(keyword: Keyword, items: T[]): T[] {
  if (items.length === 0) throw badInstruction(`${keyword} requires at least one argument`);
  return items;
}
