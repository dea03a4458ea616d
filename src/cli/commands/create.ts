import { command } from '../command.ts';
import { createContainer } from '../run/create-container.ts';
import { createFlags } from '../run/create-flags.ts';
import { toCreateRequest } from '../run/create-request.ts';
import { localFiles } from '../run/local-files.ts';
import { misplacedOptionNote } from '../run/misplaced-option.ts';

export const create = command({
  usage: 'create [OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a new container',
  flags: createFlags,
  args: { min: 1 },
  stopsAtArgument: true,
  async run(context, invocation) {
    const { flags, args } = invocation;
    const body = toCreateRequest(invocation, localFiles(context.env));
    const note = misplacedOptionNote('create', args);
    if (note) context.warn(note);
    context.print(await createContainer(context, body, flags));
    return 0;
  },
});
