/** What a request wants to do in a repository, in the words of token scopes. */
export type RepositoryAction = 'pull' | 'push' | 'delete';

/** Who sends a request; without a name, nobody in particular. */
export interface Caller {
  readonly account?: string;
}

export interface Want {
  readonly repository: string;
  readonly actions: readonly RepositoryAction[];
}

/**
 * Decides who may do what. The registry asks before every request and knows nothing of accounts.
 *
 * The way is the one of the distribution project's token authentication: a request without rights gets a challenge, and the
 * client fetches a token where the challenge says.
 */
export interface AccessControl {
  /**
   * Lets a request in, or does not. Without `want` it is about the registry as a whole (`GET /v2/`).
   *
   * @param from the address of the connection: wrong passwords are counted by it
   * @throws {RegistryError} `UNAUTHORIZED` with a challenge where other credentials could help, `DENIED` where they could not.
   */
  admit(
    authorization: string | undefined,
    want: Want | undefined,
    from?: { readonly address: string | undefined },
  ): Promise<Caller>;
  /** Which repositories a list shows. */
  maySee(caller: Caller, repository: string): boolean;
}
