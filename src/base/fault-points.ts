/**
 * Every place where a multi-step operation can be cut by a crash, in the order it passes them.
 * Tests walk the whole list: kill the engine at one, start it again, compare the host with the database.
 */
export const FAULT_POINTS = [
  'create.1-journaled',
  'create.2-snapshot',
  'create.3-volumes',
  'create.4-files',
  'create.5-row',
  'start.1-journaled',
  'start.2-mounted',
  'start.3-sandbox',
  'start.4-bundle',
  'start.5-endpoints',
  'start.6-created',
  'start.7-running',
  'start.8-row',
  'ports.1-journaled',
  'ports.2-published',
  'ports.3-row',
  'pause.1-frozen',
  'unpause.1-thawed',
  'update.1-journaled',
  'update.2-live',
  'update.3-row',
  'network-create.1-made',
  'network-create.2-row',
  'connect.1-rows',
  'connect.2-rules',
  'connect.3-plugged',
  'disconnect.1-row',
  'disconnect.2-rules',
  'disconnect.3-unplugged',
  'network-remove.1-row',
  'network-remove.2-rules',
  'exec.1-files',
  'exec.2-started',
  'exec.3-conmon',
  'stop.1-marked',
  'stop.2-signalled',
  'stop.3-exited',
  'exit.1-seen',
  'exit.2-row',
  'exit.3-announced',
  'exit.4-unmounted',
  'remove.1-journaled',
  'remove.2-killed',
  'remove.3-row',
  'remove.4-volumes',
  'remove.5-snapshot',
  'remove.6-files',
  'build.1-context',
  'build.2-mounted',
  'build.3-running',
  'build.4-ended',
  'build.5-layer',
  'build.6-row',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Called at each fault point; does nothing unless a test armed it. */
export interface FaultSwitch {
  reach(point: FaultPoint): void;
}

export const noFaults: FaultSwitch = { reach: () => undefined };
