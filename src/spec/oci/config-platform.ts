import * as v from 'valibot';
import { orDefault, text } from '#spec/docker/lenient';
import { parseDocument } from './json.ts';

const ConfigPlatform = v.object({
  architecture: text,
  os: text,
  'os.version': text,
  'os.features': v.pipe(orDefault(v.array(v.string()), []), v.maxLength(100)),
  variant: text,
});

/** What the configuration of an image says it is for, with what only some systems have; as a descriptor writes it. */
export function platformInConfig(bytes: Buffer): Readonly<Record<string, string | readonly string[]>> {
  const platform = parseDocument(ConfigPlatform, bytes, 'the image configuration');
  return Object.fromEntries(Object.entries(platform).filter(([, value]) => value.length > 0));
}
