import { createReadStream } from 'node:fs';
import { busyboxMissing, makeBusyboxArchive } from './busybox-image.ts';
import { cannotRunDaemon, type DaemonOptions, startDaemon, type TestDaemon } from './daemon.ts';

/** Why tests that need an engine with an image cannot run here. */
export const cannotRunContainers: string | false = cannotRunDaemon || busyboxMissing();

/** An engine with the image `busybox:latest`. */
export async function startBusyboxDaemon(options: DaemonOptions = {}): Promise<TestDaemon> {
  const daemon = await startDaemon(options);
  try {
    await loadBusybox(daemon);
    return daemon;
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

export async function loadBusybox(daemon: TestDaemon): Promise<void> {
  await loadImage(daemon, await makeBusyboxArchive());
}

export async function loadImage(daemon: TestDaemon, archive: string): Promise<void> {
  const { status, body } = await daemon.call('POST', '/images/load', createReadStream(archive), {
    headers: { 'Content-Type': 'application/x-tar' },
  });
  if (status !== 200) throw new Error(`cannot load ${archive}: ${JSON.stringify(body)}`);
}
