import { RegistryServer } from './registry-server.ts';

/**
 * A registry in the folder that is named, until `SIGTERM`; says where it listens. It kills itself at the fault point that is named
 * after it. `SIGUSR2` collects garbage, whatever its age. See `registry-process.ts`.
 */
const [folder = '', fault] = process.argv.slice(2);
const server = await RegistryServer.start({
  folder,
  options: fault === undefined ? {} : { graceMs: -1 },
  reach: point => {
    if (point === fault) process.kill(process.pid, 'SIGKILL');
  },
});
process.once('SIGTERM', () => void server[Symbol.asyncDispose]());
process.on('SIGUSR2', () => void server.registry.collect());
process.stdout.write(`${server.host}\n`);
