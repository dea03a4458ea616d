import { type Json, numberAt, textAt } from '#client/json';
import { command } from '../command.ts';
import { humanSize } from '../format/human.ts';
import { showProgress } from '../terminal/progress.ts';

export const squash = command({
  usage: 'image squash [OPTIONS] IMAGE',
  summary: 'Make one layer of the layers of an image, as a new image; configuration and history stay',
  flags: {
    from: {
      type: 'string',
      help: 'Keep the lowest layers: how many, or the image they are of (default: none)',
      shows: 'count|image',
    },
    quiet: { type: 'bool', short: 'q', help: 'Only show the new ID' },
    tag: { type: 'string', short: 't', help: 'Name of the new image', shows: 'name:tag' },
  },
  args: { min: 1, max: 1 },
  async run({ client, print, stdout }, { flags: { from, quiet, tag }, args: [name = ''] }) {
    const path = `/quai/images/${encodeURIComponent(name)}/squash`;
    let found: Json = {};
    const onAux = (aux: Json): void => {
      found = aux;
    };
    await showProgress(client.lines('POST', path, { query: { from, tag } }), stdout, { quiet, onAux });
    print(textAt(found, 'Id'));
    if (quiet) return 0;
    const size = (field: string): string => humanSize(numberAt(found, field));
    print(`Squashed ${numberAt(found, 'Layers')} layers: ${size('SizeBefore')} became ${size('SizeAfter')}`);
    if (numberAt(found, 'UnsharedSize') > 0)
      print(`Not shared with other images any more: ${size('UnsharedSize')}`);
    return 0;
  },
});
