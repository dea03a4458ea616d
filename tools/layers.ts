/** One folder below `src/`: what it is for and what it may import. */
export interface Layer {
  readonly purpose: string;
  /** folders whose code it may use */
  readonly imports: readonly string[];
  /** folders of which it may use types only */
  readonly types?: readonly string[];
}

const GROUND = ['base', 'spec', 'sys', 'store'] as const;
const SERVICES = [
  'image',
  'container',
  'network',
  'volume',
  'plugin',
  'distribution',
  'build',
  'cluster',
] as const;
const ENGINE = [...GROUND, 'http', 'snapshot', 'runtime', 'registry', 'hub', 'api', ...SERVICES] as const;

/**
 * Who may import whom. Folders that do not list each other do not know each other; engine folders and
 * client-side folders never meet. Widening this table takes a decision record under `docs/adr/`.
 */
export const LAYERS: Readonly<Record<string, Layer>> = {
  base: { purpose: 'language-level tools, no I/O', imports: [] },
  spec: { purpose: 'formats as data, no I/O', imports: ['base'] },
  sys: { purpose: 'the kernel and other programs', imports: ['base'] },
  http: { purpose: 'server kit: routes as data, streams', imports: ['base'] },
  store: { purpose: 'database, blobs by digest, leases', imports: ['base', 'spec', 'sys'] },
  snapshot: { purpose: 'file-system states and their drivers', imports: GROUND },
  distribution: { purpose: 'registry client', imports: GROUND },
  plugin: { purpose: 'plugins of other vendors, over their sockets', imports: GROUND },
  network: { purpose: 'networks, endpoints, addresses, names, ports', imports: [...GROUND, 'plugin'] },
  volume: { purpose: 'volumes and their drivers', imports: [...GROUND, 'plugin'] },
  runtime: { purpose: 'processes in OCI bundles', imports: GROUND },
  registry: { purpose: 'registry server', imports: [...GROUND, 'http'] },
  hub: {
    purpose: 'accounts, repositories, search and pages of a registry',
    imports: [...GROUND, 'http', 'registry'],
  },
  image: { purpose: 'tags, manifests, layers', imports: [...GROUND, 'snapshot', 'distribution'] },
  container: {
    purpose: 'life cycle, exec, attach, logs, health',
    imports: [...GROUND, 'image', 'snapshot', 'network', 'volume', 'runtime'],
  },
  build: {
    purpose: 'Dockerfile to image',
    imports: [...GROUND, 'image', 'snapshot', 'network', 'runtime', 'distribution'],
  },
  cluster: {
    purpose: 'nodes, services, tasks',
    imports: [...GROUND, 'http', 'container', 'image', 'network', 'volume'],
  },
  api: { purpose: 'the Engine REST API', imports: ['base', 'spec', 'http'], types: SERVICES },
  daemon: { purpose: 'composition root', imports: ENGINE },
  client: { purpose: 'API client with an injected transport', imports: ['base', 'spec'] },
  compose: { purpose: 'Compose projects on top of the client', imports: ['base', 'spec', 'client'] },
  cli: { purpose: 'commands and output', imports: ['base', 'spec', 'client', 'compose'] },
};

/** Modules that only some folders may load. */
export const GUARDED_MODULES: Readonly<Record<string, readonly string[]>> = {
  'node:child_process': ['sys', 'cli'],
  koffi: ['sys'],
  'node:ffi': ['sys'],
  'node:sqlite': ['store'],
  'node:process': ['daemon', 'cli'],
};

/** Modules of which other folders may use types only. See `base/node-http.ts`. */
export const GUARDED_VALUES: Readonly<Record<string, readonly string[]>> = {
  'node:http': ['base'],
};

/** Globals that only some folders may touch, as they stand in the source. */
export const GUARDED_GLOBALS: Readonly<Record<string, readonly string[]>> = {
  'process.env': ['daemon', 'cli'],
  'process.exit': ['daemon', 'cli'],
  console: ['cli'],
};
