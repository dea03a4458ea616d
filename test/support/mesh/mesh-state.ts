import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';

const Range = v.tuple([v.number(), v.number()]);
export type Range = v.InferOutput<typeof Range>;

const Pool = v.object({
  subnet: v.string(),
  /** what of the range is this host's to hand out, first and last each */
  ranges: v.array(Range),
  used: v.array(v.number()),
  isOpen: v.boolean(),
});
export type Pool = v.InferOutput<typeof Pool>;

const Network = v.object({ id: v.string(), mesh: v.string(), gateway: v.string() });
export type Network = v.InferOutput<typeof Network>;

const Endpoint = v.object({ id: v.string(), mesh: v.string(), mac: v.string(), ip: v.string() });
export type Endpoint = v.InferOutput<typeof Endpoint>;

const State = v.object({
  peers: v.array(v.string()),
  pools: v.array(Pool),
  networks: v.array(Network),
  endpoints: v.array(Endpoint),
  /** ranges given to others, by the number of their question: who asks again gets the same */
  given: v.array(v.object({ question: v.string(), range: Range })),
});

/** What a driver knows over restarts: one file, replaced as a whole. */
export class MeshState {
  readonly #path: string;
  readonly peers: string[];
  readonly pools: Pool[];
  networks: Network[];
  endpoints: Endpoint[];
  readonly given: { question: string; range: Range }[];

  constructor(path: string) {
    this.#path = path;
    const read = readState(path);
    this.peers = read.peers;
    this.pools = read.pools;
    this.networks = read.networks;
    this.endpoints = read.endpoints;
    this.given = read.given;
  }

  save(): void {
    const { peers, pools, networks, endpoints, given } = this;
    writeFileSync(`${this.#path}.new`, JSON.stringify({ peers, pools, networks, endpoints, given }), {
      flush: true,
    });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function readState(path: string): v.InferOutput<typeof State> {
  try {
    return v.parse(State, JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { peers: [], pools: [], networks: [], endpoints: [], given: [] };
    }
    throw error;
  }
}

const Name = v.object({ name: v.string(), ip: v.string() });
export type Name = v.InferOutput<typeof Name>;

/** What hosts tell each other. */
export const Control = v.variant('kind', [
  v.object({
    kind: v.literal('state'),
    peers: v.array(v.string()),
    endpoints: v.array(Endpoint),
    names: v.array(Name),
  }),
  /** for addresses to hand out: any, or a certain one */
  v.object({
    kind: v.literal('ask'),
    question: v.string(),
    subnet: v.string(),
    wanted: v.optional(v.number()),
  }),
  v.object({ kind: v.literal('give'), question: v.string(), range: v.nullable(Range) }),
]);
export type Control = v.InferOutput<typeof Control>;
