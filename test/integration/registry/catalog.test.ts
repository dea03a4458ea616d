import type { AccessControl } from '#registry/access-control';
import { type CatalogUnderTest, repositoryCatalogSuite } from '#registry/repository-catalog.suite';
import { manifestOf, RegistryRequests, sha256 } from '../../support/registry-requests.ts';
import { RegistryServer } from '../../support/registry-server.ts';

/** Whoever says to be somebody is that. */
const believing: AccessControl = {
  admit: async authorization => (authorization === undefined ? {} : { account: authorization }),
  maySee: () => true,
};

repositoryCatalogSuite('StoredCatalog', async (): Promise<CatalogUnderTest> => {
  const server = await RegistryServer.start({ access: believing });
  const registry = new RegistryRequests(server.host);
  const as = (account: string | undefined) => (account === undefined ? {} : { Authorization: account });
  return {
    catalog: server.registry.catalog,
    push: async (repository, tag, account) => {
      const config = '{}';
      await registry.putBlob(repository, config);
      const body = JSON.stringify({ ...manifestOf(config, []), annotations: { tag } });
      const path = `/v2/${repository}/manifests/${tag}`;
      const { status } = await registry.call('PUT', path, { headers: as(account), body });
      if (status !== 201) throw new Error(`${sha256(body)} was not taken: ${status}`);
    },
    pull: async (repository, tag, account) => {
      await registry.call('GET', `/v2/${repository}/manifests/${tag}`, { headers: as(account) });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});
