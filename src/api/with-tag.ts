/** The reference that a name and the parameter `tag` (a tag, or a digest) make. */
export function withTag(name: string, tag: string): string {
  if (tag === '') return name;
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
}
