import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { EngineError } from '#base/errors';
import type { GitAddress } from '#spec/dockerfile/git-address';
import { gitProblem } from './git-problem.ts';
import { hostOf } from './git-submodules.ts';

/** What a name means, as the resolver of the host says. @throws where it means nothing */
export type HostLookup = (host: string) => Promise<readonly string[]>;

export interface PinnedRemote {
  readonly remote: string;
  readonly pin?: string;
}

/**
 * What the names of hosts mean while a repository is fetched: looked up once, and what is checked is what git connects to. Whoever
 * runs the name servers could answer with another address the second time.
 */
export class PinnedHosts {
  readonly #lookup: HostLookup;
  readonly #found = new Map<string, Promise<readonly string[]>>();

  constructor(look: HostLookup = addressesOf) {
    this.#lookup = look;
  }

  /** Its addresses; none where there is no such host. */
  async addresses(address: GitAddress): Promise<readonly string[]> {
    const host = hostOf(address);
    if (isIP(host) !== 0) return [host];
    const found = this.#found.get(host) ?? this.#lookup(host).catch(() => []);
    this.#found.set(host, found);
    return await found;
  }

  /**
   * For `http.curloptResolve` of git (since 2.37; git's own protocol has nothing like it), and the address written so that curl
   * finds it there.
   */
  async pin(address: GitAddress): Promise<PinnedRemote> {
    const host = hostOf(address);
    const isHttp = address.scheme === 'http' || address.scheme === 'https';
    if (!isHttp || isIP(host) !== 0) return { remote: address.remote };
    const addresses = await this.addresses(address);
    if (addresses.length === 0) throw noSuchHost(address); // git may find it all the same, and nobody would have looked
    const written = addresses.map(each => (isIP(each) === 6 ? `[${each}]` : each)).join(',');
    const port = new URL(address.remote).port || (address.scheme === 'https' ? '443' : '80');
    // Capitals, a dot at the end, other alphabets: curl would look for what it has been told under another name.
    const remote = address.remote.replace(
      /^(https?:\/\/(?:[^/@]*@)?)[^/:?#]+/i,
      (_, before: string) => `${before}${host}`,
    );
    return { remote, pin: `${host}:${port}:${written}` };
  }
}

/** As git says it. */
export function noSuchHost(address: GitAddress): EngineError {
  return gitProblem(address, `fatal: Could not resolve host: ${hostOf(address)}`);
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
