import type { CreateOptions } from './create-flags.ts';
import { invalidOption } from './invalid-option.ts';

export interface AttachedStreams {
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
}

/** Without `--attach`, output is attached, and input too with `--interactive`. */
export function attachedStreams(options: Pick<CreateOptions, 'attach' | 'interactive'>): AttachedStreams {
  const wanted = options.attach.map(text => {
    const name = text.toLowerCase();
    if (['stdin', 'stdout', 'stderr'].includes(name)) return name;
    throw invalidOption('attach', text, 'valid streams are STDIN, STDOUT and STDERR');
  });
  return {
    AttachStdin: options.interactive || wanted.includes('stdin'),
    AttachStdout: wanted.length === 0 || wanted.includes('stdout'),
    AttachStderr: wanted.length === 0 || wanted.includes('stderr'),
  };
}
