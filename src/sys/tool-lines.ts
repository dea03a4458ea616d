import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { TOOL_ENVIRONMENT } from './run-tool.ts';

export interface ToolLines {
  /** 127 when the program is not there; -1 when a signal ended it, such as after `timeoutMs` */
  readonly status: number;
  readonly lines: readonly string[];
  /** the beginning of what it said on standard error */
  readonly errors: string;
}

const MAX_ERROR_BYTES = 1024;

/**
 * Runs a small program and keeps the lines of its output that are wanted, so that it does not matter how much it
 * prints. Never throws.
 *
 * @param keep is asked for each line, the first with number 0; without its line end, and cut after `maxLineBytes`
 */
export async function toolLines(
  program: string,
  args: readonly string[],
  options: {
    readonly timeoutMs: number;
    readonly maxLineBytes: number;
    readonly keep: (line: string, index: number) => boolean;
  },
): Promise<ToolLines> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
    env: TOOL_ENVIRONMENT,
  });
  let isMissing = false;
  child.once('error', () => (isMissing = true)); // 'close' follows
  const [lines, errors, [code]] = await Promise.all([
    wantedLines(child.stdout, options),
    beginning(child.stderr),
    once(child, 'close').catch(() => [null]),
  ]);
  const status = isMissing ? 127 : typeof code === 'number' ? code : -1;
  return { status, lines, errors };
}

async function wantedLines(
  output: Readable,
  {
    maxLineBytes,
    keep,
  }: { readonly maxLineBytes: number; readonly keep: (line: string, index: number) => boolean },
): Promise<string[]> {
  const lines: string[] = [];
  let count = 0;
  const take = (line: Buffer): void => {
    const text = line.toString('utf8');
    if (keep(text, count)) lines.push(text);
    count += 1;
  };
  let pending = Buffer.alloc(0);
  for await (const chunk of output as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      take(joined(pending, chunk.subarray(start, end), maxLineBytes));
      pending = Buffer.alloc(0);
      start = end + 1;
    }
    pending = joined(pending, chunk.subarray(start), maxLineBytes);
  }
  if (pending.length > 0) take(pending);
  return lines;
}

function joined(head: Buffer, tail: Buffer, maxBytes: number): Buffer<ArrayBuffer> {
  return Buffer.concat([head, tail.subarray(0, Math.max(0, maxBytes - head.length))]);
}

async function beginning(stream: Readable): Promise<string> {
  let text = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) text = joined(text, chunk, MAX_ERROR_BYTES);
  return text.toString('utf8');
}
