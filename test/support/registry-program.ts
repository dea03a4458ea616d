import { RegistryServer } from './registry-server.ts';

/** A registry in the folder that is named, until `SIGTERM`; says where it listens. See `registry-process.ts`. */
const [folder = ''] = process.argv.slice(2);
const server = await RegistryServer.start({ folder });
process.stdout.write(`${server.host}\n`);
process.once('SIGTERM', () => void server[Symbol.asyncDispose]());
