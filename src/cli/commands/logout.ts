import { command } from '../command.ts';
import { plainCredential, registryConfigs } from '../credentials/credential-finder.ts';
import { forgetCredential } from '../credentials/credential-keeper.ts';
import { serverOf } from '../credentials/registry-server.ts';

export const logout = command({
  usage: 'logout [SERVER]',
  summary: 'Log out from a registry; Docker Hub if no server is specified',
  flags: {},
  args: { min: 0, max: 1 },
  async run(context, { args: [address = ''] }) {
    const server = serverOf(address);
    context.print(`Removing login credentials for ${server}`);
    await forgetCredential(context, server);
    const left = plainCredential(registryConfigs(context), server);
    if (left) {
      context.warn(
        `WARNING: ${left.file} still has credentials for ${server}, which are used from now on; docker logout removes them`,
      );
    }
    return 0;
  },
});
