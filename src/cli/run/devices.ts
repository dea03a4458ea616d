import { CliError } from '../cli-error.ts';
import type { CreateOptions } from './create-flags.ts';
import { csvFields, cutPair } from './csv.ts';
import { pairs } from './env-files.ts';
import { invalidOption } from './invalid-option.ts';

export interface DeviceBody {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

export interface DeviceRequestBody {
  Driver?: string;
  Count?: number;
  DeviceIDs?: string[];
  Capabilities?: string[][];
  Options?: Record<string, string>;
}

/** `--device` paths and names of the Container Device Interface, and `--gpus`. */
export function readDevices({ device, gpus }: Pick<CreateOptions, 'device' | 'gpus'>): {
  mappings: DeviceBody[];
  requests: DeviceRequestBody[];
} {
  const named = device.filter(isCdiName);
  const mappings = device.filter(text => !isCdiName(text)).map(parseDevice);
  const requests: DeviceRequestBody[] = gpus ? [parseGpus(gpus)] : [];
  if (named.length > 0) requests.push({ Driver: 'cdi', DeviceIDs: named });
  return { mappings, requests };
}

/** `/dev/a`, `/dev/a:/dev/b`, `/dev/a:rw`, `/dev/a:/dev/b:rwm` */
function parseDevice(text: string): DeviceBody {
  const parts = text.split(':');
  const [source = '', second = '', third] = parts;
  if (parts.length > 3 || !source) throw new CliError(`bad format for path: ${text}`, 125);
  const secondIsMode = parts.length === 2 && isDeviceMode(second);
  const mode = third ?? (secondIsMode ? second : 'rwm');
  if (!isDeviceMode(mode)) throw new CliError(`bad mode specified: ${mode}`, 125);
  const inside = second && !secondIsMode ? second : source;
  if (!inside.startsWith('/')) throw new CliError(`${inside} is not an absolute path`, 125);
  return { PathOnHost: source, PathInContainer: inside, CgroupPermissions: mode };
}

function isDeviceMode(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

/** `vendor.com/class=name` (Container Device Interface) */
function isCdiName(text: string): boolean {
  return /^[a-zA-Z][\w.-]*\/[a-zA-Z][\w-]*=[\w][\w.:-]*$/.test(text);
}

/** `all`, `2`, `device=0`, `"capabilities=utility,compute",count=1` */
function parseGpus(text: string): DeviceRequestBody {
  const request: DeviceRequestBody = {};
  const seen = new Set<string>();
  for (const field of csvFields(text)) {
    const { key, value } = cutPair(field);
    const name = value === undefined ? 'count' : key;
    if (seen.has(name))
      throw invalidOption('gpus', text, `gpu request key '${name}' can be specified only once`);
    seen.add(name);
    switch (name) {
      case 'driver':
        request.Driver = value ?? '';
        break;
      case 'count':
        request.Count = gpuCount(value ?? key, text);
        break;
      case 'device':
        request.DeviceIDs = (value ?? '').split(',');
        break;
      case 'capabilities':
        request.Capabilities = [[...(value ?? '').split(','), 'gpu']];
        break;
      case 'options':
        request.Options = pairs(csvFields(value ?? ''));
        break;
      default:
        throw invalidOption('gpus', text, `unexpected key '${key}' in '${field}'`);
    }
  }
  if (!seen.has('count') && !request.DeviceIDs) request.Count = 1;
  request.Capabilities ??= [['gpu']];
  return request;
}

function gpuCount(text: string, whole: string): number {
  if (text === 'all') return -1;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw invalidOption('gpus', whole, `invalid count (${text}): value must be either "all" or an integer`);
}
