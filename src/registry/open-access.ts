import type { AccessControl } from './access-control.ts';

/** Everybody may do everything: a registry without accounts. */
export const openAccess: AccessControl = {
  admit: async () => ({}),
  maySee: () => true,
};
