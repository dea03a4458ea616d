import { parentPort } from 'node:worker_threads';
import { threadLoaded } from '#sys/thread';

parentPort?.postMessage('loading');
await import('#sys/libc'); // koffi
threadLoaded();
setInterval(() => undefined, 1000);
