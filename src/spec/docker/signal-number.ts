import { constants } from 'node:os';
import { EngineError } from '#base/errors';

const RT_MIN = 34;
const RT_MAX = 64;

/**
 * `KILL`, `SIGKILL`, `sigkill`, `9`, `RTMIN+3`.
 *
 * @throws {EngineError} `invalid`, in Docker's words.
 */
export function signalNumber(name: string): number {
  const number = findSignal(name);
  if (number === undefined) throw new EngineError('invalid', `invalid signal: ${name}`);
  return number;
}

/** `undefined` for what is no signal. */
export function findSignal(name: string): number | undefined {
  const upper = name.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(upper);
  const number = /^\d+$/.test(name)
    ? Number(name)
    : realTime
      ? (realTime[1] === 'MIN' ? RT_MIN : RT_MAX) + Number(`${realTime[2] ?? '+'}${realTime[3] ?? 0}`)
      : new Map<string, number>(Object.entries(constants.signals)).get(`SIG${upper}`);
  return number === undefined || number < 1 || number > RT_MAX ? undefined : number;
}
