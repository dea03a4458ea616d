import { parentPort, workerData } from 'node:worker_threads';
import { leaveForNetns } from '#sys/netns';
import { type DnsQuestion, resolve, sendDatagrams } from './resolve.ts';
import { ask, type Protocol, type Question, serve } from './talk.ts';

/** A thread that lives in another network name space and does there what it is told. */
export type Order =
  | {
      readonly id: number;
      readonly kind: 'serve';
      readonly name: string;
      readonly port: number;
      readonly protocol: Protocol;
    }
  | { readonly id: number; readonly kind: 'ask'; readonly question: Question }
  | { readonly id: number; readonly kind: 'resolve'; readonly query: DnsQuestion }
  | { readonly id: number; readonly kind: 'datagrams'; readonly packets: readonly Uint8Array[] };

/** not the answer to any order: all modules are loaded */
export const READY = 0;

export interface Reply {
  readonly id: number;
  readonly text: string;
  readonly error?: string;
}

const { path } = workerData as { path: string };
leaveForNetns(path);
parentPort?.postMessage({ id: READY, text: '' } satisfies Reply);

parentPort?.on('message', (order: Order) => {
  obey(order).then(
    text => parentPort?.postMessage({ id: order.id, text } satisfies Reply),
    (error: unknown) =>
      parentPort?.postMessage({ id: order.id, text: '', error: String(error) } satisfies Reply),
  );
});

async function obey(order: Order): Promise<string> {
  if (order.kind === 'ask') return ask(order.question);
  if (order.kind === 'resolve') return resolve(order.query);
  if (order.kind === 'datagrams') return sendDatagrams(order.packets);
  await serve(order.name, order.port, order.protocol);
  return 'serving';
}
