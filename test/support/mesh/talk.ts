import { existsSync } from 'node:fs';
import type { MeshHost } from './mesh-hosts.ts';

const PORT = '5000';

/** Prints what it hears and says so to who sent it, and joins a group if it is told one; `mesh0` is what the driver calls its interfaces. */
const LISTEN = `
const [port, group] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (text, { address, port }) => {
  console.log(address + ' ' + text);
  socket.send('heard', port, address);
});
socket.bind(Number(port), () => {
  const own = require('node:os').networkInterfaces().mesh0[0].address;
  if (group) socket.addMembership(group, own);
  console.log('ready');
});`;
/** Stays until somebody has heard it: what it said may have to wait for the address of its neighbour. */
const SAY = `
const [port, to, text] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.bind(0, () => {
  socket.setMulticastInterface(require('node:os').networkInterfaces().mesh0[0].address);
  socket.send(text, Number(port), to);
});
socket.on('message', () => process.exit());
setTimeout(() => process.exit(), 2_000);`;

/** The Node that runs the tests, for a container whose image has no more than a shell. */
function nodeWith(script: string): { readonly mounts: readonly string[]; readonly words: readonly string[] } {
  const libraries = ['/lib', '/lib64', '/usr/lib'].filter(path => existsSync(path));
  const mounts = [`${process.execPath}:/node`, ...libraries.map(path => `${path}:${path}`)];
  return { mounts: mounts.flatMap(each => ['-v', `${each}:ro`]), words: ['/node', '-e', script] };
}

/** Starts a container that hears datagrams, and waits until it does. */
export async function listen(host: MeshHost, name: string, group = ''): Promise<void> {
  const { mounts, words } = nodeWith(LISTEN);
  const where = ['--name', name, '--network', 'lan', ...mounts, 'busybox', ...words];
  await host.docker('run', '-d', ...where, PORT, group);
}

/** what a listener has heard */
export async function heard(host: MeshHost, name: string): Promise<string[]> {
  return (await host.docker('logs', name)).split('\n').filter(Boolean);
}

/** Sends one datagram from a container of its own. */
export async function say(host: MeshHost, to: string, text: string): Promise<void> {
  const { mounts, words } = nodeWith(SAY);
  await host.docker('run', '--rm', '--network', 'lan', ...mounts, 'busybox', ...words, PORT, to, text);
}
