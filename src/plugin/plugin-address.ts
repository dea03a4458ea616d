import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { messageOf } from '#base/errors';
import { flag, orDefault, text } from '#spec/docker/lenient';
import { badPluginSpec } from './errors.ts';

/** TLS files of a plugin that is reached over TCP; empty: not used. */
export interface PluginTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly isUnverified: boolean;
}

/** Where a plugin listens. */
export type PluginAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: PluginTls };

/** A description is a line or a few of JSON. */
const MAX_SPEC_BYTES = 64 * 1024;

const JsonSpec = v.object({
  Addr: v.pipe(v.string(), v.nonEmpty()),
  TLSConfig: v.nullish(
    orDefault(v.object({ CAFile: text, CertFile: text, KeyFile: text, InsecureSkipVerify: flag }), {}),
  ),
});

/**
 * Reads a file of `/etc/docker/plugins`: `NAME.spec` holds an address (`unix:///run/x.sock`, `tcp://host:port`),
 * `NAME.json` an address and TLS files.
 *
 * @throws {EngineError} `invalid`, naming the file.
 */
export function readPluginSpec(path: string): PluginAddress {
  try {
    const content = readFileSync(path);
    if (content.length > MAX_SPEC_BYTES) throw new RangeError(`it is larger than ${MAX_SPEC_BYTES} bytes`);
    const words = content.toString('utf8').trim();
    if (!path.endsWith('.json')) return parsePluginAddress(words);
    const { Addr, TLSConfig } = v.parse(JsonSpec, JSON.parse(words));
    return parsePluginAddress(Addr, TLSConfig ? tlsOf(TLSConfig) : undefined);
  } catch (error) {
    throw badPluginSpec(path, messageOf(error), error);
  }
}

/** @throws {TypeError} when it is neither `unix://` nor `tcp://`, `http://` or `https://` with a host and a port. */
export function parsePluginAddress(address: string, tls?: PluginTls): PluginAddress {
  if (address.startsWith('unix://')) {
    const path = address.slice('unix://'.length);
    if (!path.startsWith('/') || path.includes('\0'))
      throw new TypeError(`"${address}" has no absolute path`);
    return { kind: 'unix', path };
  }
  const match = /^(tcp|http|https):\/\/(\[[0-9a-fA-F:.]+\]|[^/:\s]+)(?::(\d{1,5}))?\/?$/.exec(address);
  const [, scheme, host = '', port] = match ?? [];
  if (scheme === undefined)
    throw new TypeError(`"${address}" is no address such as unix:///run/x.sock or tcp://host:port`);
  const number = Number(port ?? (scheme === 'https' ? 443 : 80));
  if (number < 1 || number > 65_535) throw new TypeError(`"${address}" has no valid port`);
  const used = tls ?? (scheme === 'https' ? NO_FILES : undefined);
  return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port: number, ...(used && { tls: used }) };
}

export function showAddress(address: PluginAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.tls ? 'https' : 'tcp'}://${host}:${address.port}`;
}

const NO_FILES: PluginTls = { caFile: '', certFile: '', keyFile: '', isUnverified: false };

function tlsOf({
  CAFile,
  CertFile,
  KeyFile,
  InsecureSkipVerify,
}: NonNullable<v.InferOutput<typeof JsonSpec>['TLSConfig']>): PluginTls {
  return { caFile: CAFile, certFile: CertFile, keyFile: KeyFile, isUnverified: InsecureSkipVerify };
}
