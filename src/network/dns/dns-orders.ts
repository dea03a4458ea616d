/** What the engine tells its DNS thread, and hears from it. Orders are worked off in the order they were given. */

/** A server that questions about other names are passed on to. */
export interface UpstreamServer {
  readonly address: string;
  /** 53 unless given */
  readonly port?: number;
  /** it can only be reached from the host's name space: a loopback or link-local address of the host's own file */
  readonly isHostOnly: boolean;
}

export interface NamedNetwork {
  readonly id: string;
  readonly name: string;
  /** CIDR */
  readonly subnets: readonly string[];
}

/** A container's place on one network whose containers find each other by name. */
export interface NamedEndpoint {
  readonly networkId: string;
  /** the first is what its addresses lead back to */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** what only this container calls others: alias and the name it stands for */
  readonly links: readonly (readonly [alias: string, target: string])[];
}

/** A container whose resolver the engine is. */
export interface NamedSandbox {
  readonly id: string;
  /** path of its network name space */
  readonly netns: string;
  /** in the order they are searched */
  readonly endpoints: readonly NamedEndpoint[];
  /** under which it reaches the host */
  readonly hostAddresses: readonly string[];
  /** empty: no question leaves the host for it */
  readonly upstreams: readonly UpstreamServer[];
}

export type DnsOrder =
  | { readonly kind: 'network'; readonly network: NamedNetwork }
  | { readonly kind: 'networkGone'; readonly id: string }
  /** new or changed; the sockets are opened when there are none */
  | { readonly kind: 'sandbox'; readonly sandbox: NamedSandbox }
  | { readonly kind: 'sandboxGone'; readonly id: string }
  /** where programs of the host ask */
  | { readonly kind: 'hostStub'; readonly address: string; readonly port: number }
  | { readonly kind: 'close' };

/** The answer to each `sandbox` and `hostStub` order (`id` empty): its sockets are open, or why not. */
export interface DnsReport {
  readonly id: string;
  readonly error?: string;
}

export interface DnsThreadData {
  /** number of orders given so far: the thread looks for new ones before it answers a question */
  readonly orders: SharedArrayBuffer;
}
