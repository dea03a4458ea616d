import { command } from '../command.ts';

export const tidy = command({
  usage: 'image tidy',
  summary: 'Make what is kept of images take less space, now instead of when the engine is idle',
  flags: {},
  args: { min: 0, max: 0 },
  async run({ client, print }) {
    await client.call('POST', '/quai/images/tidy');
    print('Layers are kept once, and packed where that saves space');
    return 0;
  },
});
