/** Where the engine has what it can do with a volume beyond Docker's API. */
export function pathOf(name: string, action: string): string {
  return `/quai/volumes/${encodeURIComponent(name)}/${action}`;
}
