/** What a repository can be filed under; the same subjects that Docker Hub has. */
export const CATEGORIES: readonly string[] = [
  'API management',
  'Content management system',
  'Data science',
  'Databases & storage',
  'Developer tools',
  'Integration & delivery',
  'Internet of things',
  'Languages & frameworks',
  'Machine learning & AI',
  'Message queues',
  'Monitoring & observability',
  'Networking',
  'Operating systems',
  'Security',
  'Web analytics',
  'Web servers',
];
