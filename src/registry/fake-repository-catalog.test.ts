import { FakeRepositoryCatalog } from './fake-repository-catalog.ts';
import { repositoryCatalogSuite } from './repository-catalog.suite.ts';

repositoryCatalogSuite('FakeRepositoryCatalog', () => {
  const catalog = new FakeRepositoryCatalog();
  return Promise.resolve({
    catalog,
    push: (repository, tag, account) => catalog.push(repository, tag, account),
    pull: (repository, tag, account) => catalog.pull(repository, tag, account),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
