import { join } from 'node:path';
import { silentLogger } from '#base/logger';
import { networkMigrations } from '#network/network-migrations';
import { NetworkService } from '#network/network-service';
import { Database } from '#store/database';

export interface NetworkPart extends AsyncDisposable {
  readonly service: NetworkService;
}

/** The engine's network part by itself, in the name space that this process is in. @param folder for its state */
export async function openNetworkPart(folder: string): Promise<NetworkPart> {
  const db = new Database(join(folder, 'state.db'));
  db.migrate(networkMigrations, silentLogger);
  const service = new NetworkService({
    db,
    runDir: folder,
    instance: { key: 'nb', bridgeName: 'qnb0' },
    events: { emit: () => undefined },
    logger: silentLogger,
    resolveContainerName: () => undefined,
  });
  await service.restore(new Set());
  return {
    service,
    async [Symbol.asyncDispose]() {
      await service.shutdown();
      db[Symbol.dispose]();
    },
  };
}
