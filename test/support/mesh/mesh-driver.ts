import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import * as v from 'valibot';
import { AddressShares } from './address-shares.ts';
import { driverMethods } from './driver-methods.ts';
import { readSettings } from './mesh-settings.ts';
import { Control, type Endpoint, MeshState, type Name, type Range } from './mesh-state.ts';
import { MeshSwitch } from './mesh-switch.ts';
import { MeshTransport } from './mesh-transport.ts';
import { NameServer } from './name-server.ts';
import { NameWatch } from './name-watch.ts';

/**
 * A network driver by Docker's remote driver protocol, with an IPAM driver, that joins several hosts to one network: a program of its own on
 * each, told the address of one other host at most. Run as `node mesh-driver.ts SETTINGS`.
 */

const CONTROL = 0;
const FRAME = 1;
const ASK_MS = 300;
const ASK_TIMES = 5;

const settings = readSettings(process.argv[2] ?? '');
const state = new MeshState(settings.state);
/** what other hosts said last */
const told = new Map<string, { readonly endpoints: readonly Endpoint[]; readonly names: readonly Name[] }>();
const asked = new Map<string, (range: Range | null) => void>();
let ownNames: Name[] = [];
const servers = new Map<string, NameServer>();

const transport = new MeshTransport(settings, {
  onMessage: (host, message) => {
    if (message[0] === FRAME) lan.enter(message.subarray(1));
    else hearControl(host, message.subarray(1));
  },
  onPeer: () => announce(),
  onTick: () => announce(),
});

const lan = new MeshSwitch({
  state,
  hosts: () => transport.alive(),
  hostOf: (mesh, mac) =>
    transport
      .alive()
      .find(host => told.get(host)?.endpoints.some(each => each.mesh === mesh && each.mac === mac)),
  send: (host, frame) => transport.send(host, Buffer.concat([Buffer.of(FRAME), frame])),
});

const shares = new AddressShares({
  state,
  isFounder: settings.seed === '',
  ask: async (question, subnet, wanted) => {
    for (const host of transport.alive()) {
      const range = await askOne(host, { kind: 'ask', question: `${question} ${host}`, subnet, wanted });
      if (range) return range;
    }
    return undefined;
  },
});

async function askOne(host: string, question: Control & { readonly kind: 'ask' }): Promise<Range | null> {
  const { promise, resolve } = Promise.withResolvers<Range | null>();
  asked.set(question.question, resolve);
  try {
    for (let times = 0; times < ASK_TIMES; times += 1) {
      say(host, question);
      const range = await Promise.race([
        promise,
        new Promise<undefined>(done => setTimeout(() => done(undefined), ASK_MS)),
      ]);
      if (range !== undefined) return range;
    }
    return null;
  } finally {
    asked.delete(question.question);
  }
}

function say(host: string, control: Control): void {
  transport.send(host, Buffer.concat([Buffer.of(CONTROL), Buffer.from(JSON.stringify(control))]));
}

/** Tells all hosts what there is here; said again and again, as packets get lost. */
function announce(): void {
  const peers = transport.known();
  if (peers.some(peer => !state.peers.includes(peer))) {
    state.peers.push(...peers.filter(peer => !state.peers.includes(peer)));
    state.save();
  }
  for (const host of peers) say(host, { kind: 'state', peers, endpoints: state.endpoints, names: ownNames });
}

function hearControl(host: string, bytes: Buffer): void {
  const control = parseControl(bytes);
  if (!control) return;
  if (control.kind === 'state') {
    told.set(host, control);
    for (const peer of control.peers) transport.learn(peer);
  } else if (control.kind === 'ask') {
    const range = shares.give(control.question, control.subnet, control.wanted) ?? null;
    say(host, { kind: 'give', question: control.question, range });
  } else {
    asked.get(control.question)?.(control.range);
  }
}

/** Without a secret anything may come. */
function parseControl(bytes: Buffer): Control | undefined {
  try {
    return v.parse(Control, JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** On all hosts that are there. */
function addressesOf(name: string): string[] {
  const names = [...ownNames, ...transport.alive().flatMap(host => told.get(host)?.names ?? [])];
  return [...new Set(names.filter(each => each.name.toLowerCase() === name).map(({ ip }) => ip))];
}

async function serveNames(gateway: string): Promise<void> {
  const server = new NameServer(addressesOf);
  servers.set(gateway, server);
  await server.open(gateway.split('/')[0] ?? '');
}

const methods = driverMethods({
  state,
  lan,
  shares,
  announce,
  newMac: () => `02:6d${randomBytes(4).toString('hex').replaceAll(/../g, ':$&')}`,
  serveNames,
  silence: gateway => {
    servers.get(gateway)?.[Symbol.dispose]();
    servers.delete(gateway);
  },
  status: () => ({ Alive: transport.alive(), Refused: transport.refused, Pools: state.pools }),
});

const server = createServer((request, response) => {
  const answer = async (): Promise<object> => {
    const method = methods[(request.url ?? '').slice(1)];
    const body = await json(request).catch(() => ({}));
    if (!method) return { Err: `no method ${request.url}` };
    // Each method knows what it is sent.
    return (await method(body as never)) ?? {};
  };
  answer().then(
    result => response.end(JSON.stringify(result)),
    (error: unknown) =>
      response.end(JSON.stringify({ Err: error instanceof Error ? error.message : String(error) })),
  );
});

// Who started it is gone. Node's own exit would wait for the thread that waits for a frame.
process.stdin.on('close', () => process.kill(process.pid, 'SIGKILL')).resume();

lan.restore();
for (const { gateway } of state.networks) await serveNames(gateway);
await transport.open();
for (const peer of [settings.seed, ...state.peers]) transport.learn(peer);
new NameWatch(settings.engine, names => {
  ownNames = names
    .filter(({ endpoint }) => state.endpoints.some(({ id }) => id === endpoint))
    .map(({ name, ip }) => ({ name, ip }));
  announce();
});
rmSync(settings.socket, { force: true }); // of a run that was killed
server.listen(settings.socket);
