import type { EventSink } from '#base/engine-event';
import type { Image } from './image.ts';

/** Announces something that happened to an image, with the attributes Docker gives: its labels and a name. */
export function emitImageEvent(
  events: EventSink,
  image: Image,
  action: string,
  name: string = image.id,
): void {
  events.emit({
    type: 'image',
    action,
    actor: { id: image.id, attributes: { ...image.config.Labels, name } },
  });
}
