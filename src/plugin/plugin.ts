import * as v from 'valibot';
import { type Abortable, abortError, sleep } from '#base/abortable';
import { messageOf } from '#base/errors';
import { foldKeys } from '#spec/docker/fold-keys';
import { text } from '#spec/docker/lenient';
import { pluginGone, pluginNonsense, pluginRefused, pluginTooSlow, pluginUnreachable } from './errors.ts';
import { type PluginAddress, showAddress } from './plugin-address.ts';
import {
  AnswerTooLargeError,
  NotListeningError,
  type PluginAnswer,
  postToPlugin,
} from './plugin-transport.ts';

export interface PluginCallOptions extends Abortable {
  /** for the whole call; default 60 s */
  readonly timeoutMs?: number;
  /** How long to try again while nobody listens: a plugin that is being restarted. Default 5 s. */
  readonly patienceMs?: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_PATIENCE_MS = 5000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

const Refusal = v.object({ Err: text });

/** A plugin that has told what it implements. Calls are independent of each other. */
export class Plugin {
  readonly name: string;
  readonly address: PluginAddress;
  /** `VolumeDriver`, `NetworkDriver`, `IpamDriver`, … */
  readonly implements: readonly string[];
  readonly #onGone: () => void;

  constructor(about: {
    readonly name: string;
    readonly address: PluginAddress;
    readonly implements: readonly string[];
    /** nobody listens at the address any more */
    readonly onGone?: () => void;
  }) {
    this.name = about.name;
    this.address = about.address;
    this.implements = about.implements;
    this.#onGone = about.onGone ?? (() => undefined);
  }

  /**
   * Calls `method` (such as `VolumeDriver.Create`) and parses the answer. Only a call that was never sent is repeated.
   *
   * @throws {EngineError} naming the plugin: `unavailable` when it is not there or goes away, `deadline` when it is too
   * slow, `internal` for a refusal (in the plugin's words) or an answer that the schema does not accept, `cancelled`.
   */
  async call<T>(
    method: string,
    request: unknown,
    schema: v.GenericSchema<unknown, T>,
    options: PluginCallOptions = {},
  ): Promise<T> {
    try {
      return await callPlugin(this, { method, request, schema }, options);
    } catch (error) {
      if (error instanceof Error && error.cause instanceof NotListeningError) this.#onGone();
      throw error;
    }
  }
}

export interface PluginQuestion<T> {
  readonly method: string;
  readonly request: unknown;
  readonly schema: v.GenericSchema<unknown, T>;
}

/** The call behind {@link Plugin.call}, for a plugin that has not been activated yet. */
export async function callPlugin<T>(
  plugin: { readonly name: string; readonly address: PluginAddress },
  { method, request, schema }: PluginQuestion<T>,
  options: PluginCallOptions,
): Promise<T> {
  const answer = await patiently(plugin, method, JSON.stringify(request ?? {}), options);
  const content = parseJson(plugin.name, method, answer);
  const refusal = v.safeParse(Refusal, folded(plugin.name, method, content, Refusal));
  const reason = refusal.success ? refusal.output.Err : '';
  if (reason !== '') throw pluginRefused(method, reason);
  if (answer.status !== 200) {
    throw pluginRefused(method, answer.body.toString('utf8').trim() || `status ${answer.status}`);
  }
  const parsed = v.safeParse(schema, folded(plugin.name, method, content, schema));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw pluginNonsense(plugin.name, method, `${v.getDotPath(issue) ?? 'answer'}: ${issue.message}`);
}

async function patiently(
  { name, address }: { readonly name: string; readonly address: PluginAddress },
  method: string,
  body: string,
  { signal, timeoutMs = DEFAULT_TIMEOUT_MS, patienceMs = DEFAULT_PATIENCE_MS }: PluginCallOptions,
): Promise<PluginAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const patience = performance.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await postToPlugin(address, method, body, either);
    } catch (error) {
      if (signal?.aborted) throw abortError(signal);
      if (timeout.aborted) throw pluginTooSlow(name, method, timeoutMs);
      if (error instanceof AnswerTooLargeError) throw pluginNonsense(name, method, error.message, error);
      if (!(error instanceof NotListeningError)) throw pluginGone(name, method, error);
      if (performance.now() + pauseMs > patience) throw pluginUnreachable(name, showAddress(address), error);
    }
    await sleep(pauseMs, signal ? { signal } : {});
  }
}

/** As Go would read it: the case of keys does not matter. */
function folded(name: string, method: string, content: unknown, schema: v.GenericSchema): unknown {
  try {
    return foldKeys(content ?? {}, schema);
  } catch (error) {
    throw pluginNonsense(name, method, messageOf(error), error);
  }
}

/** Only what has a body is looked at: an empty answer is what many plugins give for "done". */
function parseJson(name: string, method: string, { status, body }: PluginAnswer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    if (status !== 200) return undefined; // its words are the message
    throw pluginNonsense(name, method, messageOf(error), error);
  }
}
