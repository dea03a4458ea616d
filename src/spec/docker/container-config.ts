import * as v from 'valibot';
import { command, flag, keySet, mapOf, maybe, orDefault, text, textMap, texts, whole } from './lenient.ts';

/** How to find out whether a container works. Durations in nanoseconds; 0 means inherit or default. */
export const HealthConfig = v.object({
  /** `[]` inherit, `['NONE']` off, `['CMD', …]`, `['CMD-SHELL', command]` */
  Test: texts,
  Interval: whole,
  Timeout: whole,
  Retries: whole,
  StartPeriod: whole,
  StartInterval: whole,
});
export type HealthConfig = v.InferOutput<typeof HealthConfig>;

/** The part of a container that an image can also carry (Engine API `ContainerConfig`). */
export const ContainerConfig = v.object({
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  /** `port/proto` keys */
  ExposedPorts: keySet,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  /** `NAME=value`; a bare `NAME` removes what the image set */
  Env: texts,
  Cmd: command,
  Healthcheck: maybe(HealthConfig),
  ArgsEscaped: flag,
  Image: text,
  Volumes: keySet,
  WorkingDir: text,
  Entrypoint: command,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: maybe(v.array(v.string())),
  Labels: textMap,
  StopSignal: text,
  /** seconds; absent means the engine's default of 10, negative means wait for ever */
  StopTimeout: maybe(v.pipe(v.number(), v.safeInteger())),
  Shell: maybe(v.array(v.string())),
});
export type ContainerConfig = v.InferOutput<typeof ContainerConfig>;

/** What one endpoint was asked to be (Engine API `EndpointSettings`, the settable part). */
export const EndpointSettings = v.object({
  IPAMConfig: maybe(v.object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: texts })),
  Links: texts,
  Aliases: texts,
  MacAddress: text,
  DriverOpts: textMap,
  GwPriority: whole,
});
export type EndpointSettings = v.InferOutput<typeof EndpointSettings>;

export const NetworkingConfig = v.object({
  EndpointsConfig: orDefault(mapOf(orDefault(EndpointSettings, {})), {}),
});
export type NetworkingConfig = v.InferOutput<typeof NetworkingConfig>;
