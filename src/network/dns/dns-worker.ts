import { closeSync, openSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { messageOf } from '#base/errors';
import { threadLoaded } from '#sys/thread';
import { ipBytes, parseIp } from '../ip-address.ts';
import {
  type DnsAnswer,
  type DnsQuery,
  encodeAnswer,
  parseQuery,
  RCODE,
  truncatedAnswer,
} from './dns-message.ts';
import type { DnsOrder, DnsReport, DnsThreadData, NamedSandbox } from './dns-orders.ts';
import { DnsServer } from './dns-server.ts';
import { type ForwardClient, Forwarder } from './forwarder.ts';
import { localAnswer } from './local-answer.ts';
import { NameBook } from './name-book.ts';
import { openDnsSockets, openSandboxSockets } from './sandbox-sockets.ts';
import { exchange, type Transport } from './upstream-exchange.ts';

/**
 * The entry of the thread that answers DNS for all containers: however much one of them asks, the engine's own event
 * loop does not notice. It opens the sockets itself, in the containers' name spaces, and owns them.
 */
interface Sandbox extends ForwardClient {
  upstreams: NamedSandbox['upstreams'];
  server: DnsServer | undefined;
}

const TCP_BYTES_MAX = 65_535;
const NOTHING: DnsAnswer = { rcode: RCODE.nameError, records: [] };
const FAILED: DnsAnswer = { rcode: RCODE.serverFailure, records: [] };
const REFUSED: DnsAnswer = { rcode: RCODE.refused, records: [] };

if (!parentPort) throw new RangeError('this module is the entry of a worker thread');
const port: MessagePort = parentPort;
// The engine's own thread starts this one, with these.
const given = new Int32Array((threadLoaded() as DnsThreadData).orders);
const book = new NameBook();
const sandboxes = new Map<string, Sandbox>();
const forwarder = new Forwarder({ exchange });
let hostStub: DnsServer | undefined;
let seen = 0;

port.on('message', (order: DnsOrder) => obey(order));

/** Orders given before a question was asked count for its answer: a container that has started is found at once. */
function catchUp(): void {
  const count = Atomics.load(given, 0);
  if (count === seen) return;
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    obey(next.message as DnsOrder);
  }
  seen = count;
}

function obey(order: DnsOrder): void {
  switch (order.kind) {
    case 'network':
      return book.setNetwork(order.network);
    case 'networkGone':
      return book.removeNetwork(order.id);
    case 'sandbox':
      return report(order.sandbox.id, () => serve(order.sandbox));
    case 'sandboxGone':
      return leave(order.id);
    case 'hostStub':
      return report('', () => serveHost(order.address, order.port));
    case 'close':
      for (const id of sandboxes.keys()) leave(id);
      hostStub?.[Symbol.dispose]();
      return port.close();
  }
}

function report(id: string, work: () => void): void {
  let answer: DnsReport = { id };
  try {
    work();
  } catch (error) {
    answer = { id, error: messageOf(error) };
  }
  port.postMessage(answer);
}

/** @throws {SysError} when the sockets cannot be opened; the names count all the same. */
function serve(named: NamedSandbox): void {
  book.setSandbox(named);
  const known = sandboxes.get(named.id);
  if (known) known.upstreams = named.upstreams;
  if (known?.server) return;
  const sandbox: Sandbox = known ?? {
    upstreams: named.upstreams,
    netns: openSync(named.netns, 'r'),
    pending: new Set(),
    server: undefined,
  };
  sandboxes.set(named.id, sandbox);
  sandbox.server = new DnsServer(openSandboxSockets(sandbox.netns), (packet, transport) =>
    answerSandbox(named.id, sandbox, packet, transport),
  );
}

function leave(id: string): void {
  book.removeSandbox(id);
  const sandbox = sandboxes.get(id);
  if (!sandbox) return;
  sandboxes.delete(id);
  sandbox.server?.[Symbol.dispose]();
  for (const inquiry of sandbox.pending) inquiry[Symbol.dispose]();
  closeSync(sandbox.netns); // the last thing of ours that holds it
}

function serveHost(address: string, portNumber: number): void {
  const ip = parseIp(address);
  if (!ip || hostStub) return;
  hostStub = new DnsServer(openDnsSockets(ipBytes(ip), portNumber), (packet, transport) =>
    answerWith(packet, transport, query => {
      const finding = query.isInternet
        ? book.findForHost(query.name, query.type)
        : { kind: 'foreign' as const };
      return localAnswer(query, finding) ?? REFUSED;
    }),
  );
}

function answerSandbox(
  id: string,
  sandbox: Sandbox,
  packet: Buffer,
  transport: Transport,
): ReturnType<typeof answerWith> {
  return answerWith(packet, transport, query => {
    const finding = query.isInternet ? book.find(id, query.name, query.type) : { kind: 'foreign' as const };
    const local = localAnswer(query, finding);
    if (local) return local;
    return sandbox.upstreams.length === 0 ? NOTHING : forward(query, sandbox, transport);
  });
}

function answerWith(
  packet: Buffer,
  transport: Transport,
  decide: (query: DnsQuery) => DnsAnswer | Promise<Buffer>,
): Buffer | Promise<Buffer> | undefined {
  catchUp();
  const parsed = parseQuery(packet);
  if (parsed.kind === 'ignored') return undefined;
  if (parsed.kind === 'refused') return parsed.answer;
  const decision = decide(parsed.query);
  if (decision instanceof Promise) return decision;
  return encodeAnswer(parsed.query, decision, transport === 'tcp' ? TCP_BYTES_MAX : parsed.query.udpBytes);
}

async function forward(query: DnsQuery, sandbox: Sandbox, transport: Transport): Promise<Buffer> {
  const answer = await forwarder.ask(query, sandbox, transport);
  if (!answer) return encodeAnswer(query, FAILED, query.udpBytes);
  const isTooLong = transport === 'udp' && answer.length > query.udpBytes;
  return isTooLong ? truncatedAnswer(query) : answer;
}
