import { at, type Json, listAt, numberAt, objectAt, textAt, textsAt } from '#client/json';
import { goQuote } from './go-quote.ts';
import { ellipsis, humanDuration, humanSize, localTime } from './human.ts';
import { portText } from './port-text.ts';
import type { Row } from './row.ts';
import type { Listing } from './row-writer.ts';

export const containerListing: Listing = {
  headers: {
    ID: 'CONTAINER ID',
    Names: 'NAMES',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Ports: 'PORTS',
    State: 'STATE',
    Status: 'STATUS',
    Size: 'SIZE',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
    Platform: 'PLATFORM',
  },
  columns: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
  quietField: 'ID',
};

/** One entry of `GET /containers/json` as `ps` shows it. Each field is made only when it is asked for. */
export function containerRow(
  json: Json,
  { now, truncate }: { readonly now: number; readonly truncate: boolean },
): Row {
  const createdMs = numberAt(json, 'Created') * 1000;
  const labels = objectAt(json, 'Labels');
  return {
    get ID() {
      return truncate ? textAt(json, 'Id').slice(0, 12) : textAt(json, 'Id');
    },
    get Names() {
      return namesText(textsAt(json, 'Names'), truncate);
    },
    get Image() {
      return imageText(json, truncate);
    },
    get Command() {
      const command = textAt(json, 'Command');
      return goQuote(truncate ? ellipsis(command, 20) : command);
    },
    get CreatedAt() {
      return localTime(createdMs);
    },
    get RunningFor() {
      return `${humanDuration(now - createdMs)} ago`;
    },
    get Ports() {
      return portText(listAt(json, 'Ports'));
    },
    State: textAt(json, 'State'),
    Status: textAt(json, 'Status'),
    get Size() {
      return sizeText(json);
    },
    get Labels() {
      return Object.keys(labels)
        .sort()
        .map(name => `${name}=${textAt(labels, name)}`)
        .join(',');
    },
    Label: name => textAt(labels, String(name)),
    get Mounts() {
      return listAt(json, 'Mounts')
        .map(mount => textAt(mount, 'Name') || textAt(mount, 'Source'))
        .map(name => (truncate ? ellipsis(name, 15) : name))
        .join(',');
    },
    get LocalVolumes() {
      return String(listAt(json, 'Mounts').filter(mount => textAt(mount, 'Driver') === 'local').length);
    },
    get Networks() {
      return Object.keys(objectAt(json, 'NetworkSettings', 'Networks')).join(',');
    },
    Platform: at(json, 'ImageManifestDescriptor', 'platform') ?? null,
  };
}

/** Names with a second slash are those of old links; the short listing leaves them out. */
function namesText(names: readonly string[], truncate: boolean): string {
  const plain = names.map(name => name.replace(/^\//, ''));
  return (truncate ? plain.filter(name => !name.includes('/')) : plain).join(',');
}

function imageText(json: Json, truncate: boolean): string {
  const image = textAt(json, 'Image');
  if (!image) return '<no image>';
  if (!truncate) return image;
  const id = textAt(json, 'ImageID').replace(/^sha256:/, '');
  const shownId = image.replace(/^sha256:/, '');
  if (id && id.startsWith(shownId) && shownId.length >= 12) return id.slice(0, 12);
  return /^(.+:[^/@]+)@sha256:[0-9a-f]{64}$/.exec(image)?.[1] ?? image;
}

function sizeText(json: Json): string {
  const writable = humanSize(numberAt(json, 'SizeRw'), 3);
  const whole = numberAt(json, 'SizeRootFs');
  return whole > 0 ? `${writable} (virtual ${humanSize(whole, 3)})` : writable;
}
