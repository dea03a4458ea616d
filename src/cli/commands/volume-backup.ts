import { textAt } from '#client/json';
import { command } from '../command.ts';
import { artifactName, registryAccess } from '../volume-artifact.ts';
import { PAUSE, pathOf } from './volume-path.ts';

export const backup = command({
  usage: 'volume backup [OPTIONS] VOLUME DIRECTORY|FILE.tar.zst|oci://HOST/REPOSITORY[:TAG]',
  summary:
    "Back up a volume into a directory or a file of the engine's host, or to a registry as an OCI artifact",
  flags: {
    keep: { type: 'int', help: 'Keep this many backups of the volume there, and remove older ones' },
    pause: PAUSE,
  },
  args: { min: 2, max: 2 },
  async run(context, { flags, args: [volume = '', place = ''] }) {
    const path = pathOf(volume, 'backups');
    const wish = { Keep: flags.keep ?? 0, Pause: flags.pause };
    const artifact = artifactName(place);
    if (artifact === undefined) {
      const made = await context.client.call('POST', path, { body: { Directory: place, ...wish } });
      context.print(textAt(made, 'Path'));
    } else {
      const { headers, ask } = await registryAccess(context, artifact);
      const body = { Artifact: artifact, ...wish };
      const made = await ask(() => context.client.call('POST', path, { body, headers }));
      context.print(`oci://${textAt(made, 'Artifact')}`);
    }
    return 0;
  },
});

export const restore = command({
  usage: 'volume restore VOLUME SNAPSHOT|BACKUP|oci://HOST/REPOSITORY[:TAG]',
  summary:
    'Give a volume the content of a snapshot, of a backup (the absolute path of its .json or .tar.zst file), or of an OCI artifact',
  flags: {},
  args: { min: 2, max: 2 },
  async run(context, { args: [volume = '', from = ''] }) {
    const path = pathOf(volume, 'restore');
    const artifact = artifactName(from);
    if (artifact === undefined) {
      const body = from.startsWith('/') ? { Backup: from } : { Snapshot: from };
      await context.client.call('POST', path, { body });
    } else {
      const { headers, ask } = await registryAccess(context, artifact);
      await ask(() => context.client.call('POST', path, { body: { Artifact: artifact }, headers }));
    }
    context.print(volume);
    return 0;
  },
});
