/** Where a registry can be cut by a crash, in the order a push and a collection pass them. Tests walk the list. */
export const REGISTRY_FAULT_POINTS = [
  'upload.1-row',
  'upload.2-taken',
  'publish.1-file',
  'publish.2-row',
  'manifest.1-row',
  'manifest.2-synced',
  'collect.1-row',
  'collect.2-file',
] as const;

export type RegistryFaultPoint = (typeof REGISTRY_FAULT_POINTS)[number];

/** Called at each fault point; does nothing unless a test armed it. */
export type ReachFault = (point: RegistryFaultPoint) => void;

export const noFault: ReachFault = () => undefined;
