import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { IPERF_PORT, NETWORK_IMAGE, WEB_PORT } from './network-fixture.ts';
import { iperf, wrk } from './network-load.ts';
import type { Row } from './rows.ts';
import { docker, type Target } from './target.ts';

const SECONDS = 2;
const MANY_PORTS = 206;
const LOOPBACK = '127.0.0.1';

const IPERF = ['iperf3', '-s'];
const NGINX = ['nginx', '-c', '/etc/nginx.conf'];

/** Throughput and requests through published ports, and what many ports cost at the start. */
export function networkRows(): Row[] {
  const host = hostAddress();
  const addresses = [
    { name: 'the host’s address', address: host },
    { name: LOOPBACK, address: LOOPBACK },
  ];
  return [
    {
      ...rate('iperf3, the container’s own address', 'Gbit/s'),
      ...serving(IPERF, IPERF_PORT),
      measure: async on => iperf(await ownAddress(on), IPERF_PORT, { seconds: SECONDS }),
    },
    ...addresses.map(({ name, address }) => ({
      ...rate(`iperf3, ${name}`, 'Gbit/s'),
      ...serving(IPERF, IPERF_PORT),
      measure: async (on: Target) =>
        iperf(address, await publishedPort(on, IPERF_PORT), { seconds: SECONDS }),
    })),
    ...addresses.flatMap(({ name, address }) => [
      {
        ...rate(`requests, keep-alive, ${name}`, '/s'),
        ...serving(NGINX, WEB_PORT),
        measure: async (on: Target) => wrk(address, await publishedPort(on, WEB_PORT), { seconds: SECONDS }),
      },
      {
        ...rate(`requests, new connections, ${name}`, '/s'),
        ...serving(NGINX, WEB_PORT),
        measure: async (on: Target) =>
          wrk(address, await publishedPort(on, WEB_PORT), {
            seconds: SECONDS,
            headers: ['Connection: close'],
          }),
      },
    ]),
    connectRow(),
    {
      name: `run -d with ${MANY_PORTS} published ports`,
      unit: 'ms',
      isRate: false,
      share: 1,
      measure: async on => {
        try {
          return await start(on, ['-p', `1000-${1000 + MANY_PORTS - 1}`], ['busybox', 'sleep', '1000']);
        } finally {
          await stop(on);
        }
      },
    },
  ];
}

/** The engine's own work: a request over a connection that is kept, without a program that has to start. */
function connectRow(): Row {
  const body = (on: Target): object => ({ Container: nameOn(on), Force: true });
  // Text, as engines differ in what they say when it is done.
  const call = (on: Target, what: string): Promise<string> =>
    on.client.text('POST', `/networks/${nameOn(on)}/${what}`, { body: body(on) });
  return {
    name: 'connect a running container to a network',
    unit: 'ms',
    isRate: false,
    share: 10,
    prepare: async on => {
      await on.client.call('POST', '/networks/create', { body: { Name: nameOn(on) } });
      await start(on, [], ['busybox', 'sleep', '1000']);
    },
    measure: async on => {
      const begun = performance.now();
      await call(on, 'connect');
      const took = performance.now() - begun;
      await call(on, 'disconnect');
      return took;
    },
    tidy: async on => {
      await stop(on);
      await on.client.call('DELETE', `/networks/${nameOn(on)}`).catch(() => undefined);
    },
  };
}

function rate(name: string, unit: string): Omit<Row, 'measure'> {
  return { name, unit, isRate: true, share: 1, isSlow: true };
}

function serving(command: readonly string[], port: number): Pick<Row, 'prepare' | 'tidy'> {
  return {
    prepare: async on => {
      await start(on, ['-p', `${port}`], command);
      await accepts(on, port);
    },
    tidy: stop,
  };
}

function nameOn(on: Target): string {
  return `quai-bench-${on.name}`;
}

async function start(on: Target, options: readonly string[], command: readonly string[]): Promise<number> {
  const settings = ['--name', nameOn(on), '--stop-timeout', '0', '--ulimit', 'nofile=8192:8192'];
  const [program = '', ...args] = command;
  return docker(on, ['run', '-d', ...settings, ...options, '--entrypoint', program, NETWORK_IMAGE, ...args]);
}

async function stop(on: Target): Promise<void> {
  const query = { force: true, v: true };
  await on.client.call('DELETE', `/containers/${nameOn(on)}`, { query }).catch(() => undefined);
}

interface Inspected {
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
  };
}

async function settings(on: Target): Promise<Inspected['NetworkSettings']> {
  // Engines under measurement are trusted to speak Docker's API.
  const answer = (await on.client.call('GET', `/containers/${nameOn(on)}/json`)) as unknown as Inspected;
  return answer.NetworkSettings;
}

async function publishedPort(on: Target, port: number): Promise<number> {
  const { Ports } = await settings(on);
  return Number(Ports[`${port}/tcp`]?.[0]?.HostPort);
}

async function ownAddress(on: Target): Promise<string> {
  const { Networks } = await settings(on);
  return Object.values(Networks)[0]?.IPAddress ?? '';
}

async function accepts(on: Target, port: number): Promise<void> {
  for (let tries = 200; ; tries -= 1) {
    const socket = connect(port, await ownAddress(on));
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise(resolve => setTimeout(resolve, 20));
    } finally {
      socket.destroy();
    }
  }
}

/** The first address that is neither loopback nor a bridge's. */
function hostAddress(): string {
  const all = Object.entries(networkInterfaces()).filter(
    ([name]) => !/^(lo|docker|podman|br-|quai|peers|veth)/.test(name),
  );
  const found = all.flatMap(([, list]) => list ?? []).find(({ family }) => family === 'IPv4');
  if (!found) throw new Error('this host has no IPv4 address besides loopback');
  return found.address;
}
