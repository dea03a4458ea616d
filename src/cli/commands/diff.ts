import { plainLine } from '#base/plain-text';
import { listAt, numberAt, textAt } from '#client/json';
import { command } from '../command.ts';

const KINDS = ['C', 'A', 'D'];

export const diff = command({
  usage: 'diff CONTAINER',
  summary: "Inspect changes to files or directories on a container's filesystem",
  flags: {},
  args: { min: 1, max: 1 },
  async run({ client, print }, { args: [name = ''] }) {
    const changes = await client.call('GET', `/containers/${encodeURIComponent(name)}/changes`);
    for (const change of listAt(changes))
      print(`${KINDS[numberAt(change, 'Kind')] ?? ''} ${plainLine(textAt(change, 'Path'))}`);
    return 0;
  },
});
