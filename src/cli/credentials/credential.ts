/** What is known about a user of a registry. One of `password` and `identityToken` is there, or `registryToken` alone. */
export interface Credential {
  readonly username: string;
  readonly password?: string;
  /** Given out by the registry at login, instead of the password. */
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** Helpers keep a token under this name. */
export const TOKEN_USER = '<token>';
