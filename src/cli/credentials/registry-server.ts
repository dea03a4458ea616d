/** How Docker's files, helpers and engines call Docker Hub. */
export const HUB_SERVER = 'https://index.docker.io/v1/';

const HUB_NAMES = new Set([
  '',
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
]);

/** What credentials for a registry are kept under: its host and port, or Docker Hub's address. */
export function serverOf(domain: string): string {
  const host = hostOf(domain);
  return HUB_NAMES.has(host) ? HUB_SERVER : host;
}

/** `https://registry:5000/v2/` is `registry:5000`. */
export function hostOf(text: string): string {
  return text
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
}
