/** Where the engine has what it can do with a volume beyond Docker's API. */
export function pathOf(name: string, action: string): string {
  return `/quai/volumes/${encodeURIComponent(name)}/${action}`;
}

/** `--pause`, of everything that reads a volume while it may be written to. */
export const PAUSE = {
  type: 'bool',
  help: 'Pause the containers that run with the volume meanwhile',
} as const;
