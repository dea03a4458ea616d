import { endThread, startThread } from '#sys/thread';

// Ends as the first argument says, so many microseconds after a thread has begun to load koffi. For `thread.test.ts`.
const [how = '', micros = '0'] = process.argv.slice(2);
const worker = startThread(new URL('./thread-entry.ts', import.meta.url), {});
await new Promise(resolve => worker.once('message', resolve));
const until = performance.now() + Number(micros) / 1000;
while (performance.now() < until); // a timer would not hit the moment
if (how === 'exit') process.exit(0);
await endThread(worker);
