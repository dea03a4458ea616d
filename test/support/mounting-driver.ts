import { mkdirSync } from 'node:fs';
import { FakePlugin } from '#plugin/fake-plugin';

/** Where the volumes of a {@link MountingDriver} are. */
export interface VolumeStorage {
  create(name: string, options: Readonly<Record<string, string>>): Promise<void>;
  remove(name: string): Promise<void>;
  names(): readonly string[];
  /** For the first user on this host. @returns where it is mounted. */
  attach(name: string): Promise<string>;
  /** After the last. */
  detach(name: string): Promise<void>;
}

type Named = { readonly Name: string; readonly ID: string; readonly Opts?: Record<string, string> | null };

/**
 * For tests: a driver by Docker's protocol on one host, for storage that really is mounted: with the first container that uses a volume
 * there, and until the last one ends. What the storage refuses goes to the user.
 */
export class MountingDriver implements AsyncDisposable {
  readonly #plugin: FakePlugin;
  readonly #users: ReadonlyMap<string, ReadonlySet<string>>;

  private constructor(plugin: FakePlugin, users: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#plugin = plugin;
    this.#users = users;
  }

  static async start(socketPath: string, storage: VolumeStorage): Promise<MountingDriver> {
    mkdirSync(socketPath.replace(/\/[^/]*$/, ''), { recursive: true });
    const users = new Map<string, Set<string>>();
    const mountpoints = new Map<string, string>();
    const plugin = await FakePlugin.start(socketPath, {
      capabilities: ['VolumeDriver'],
      methods: methodsOf(storage, users, mountpoints),
    });
    return new MountingDriver(plugin, users);
  }

  /** containers that have it mounted on this host */
  usersOf(name: string): number {
    return this.#users.get(name)?.size ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plugin[Symbol.asyncDispose]();
  }
}

function methodsOf(
  storage: VolumeStorage,
  users: Map<string, Set<string>>,
  mountpoints: Map<string, string>,
) {
  const describe = (name: string) => ({ Name: name, Mountpoint: mountpoints.get(name) ?? '' });
  return {
    'VolumeDriver.Create': async ({ Name, Opts }: Named) =>
      await told(async () => {
        if (!storage.names().includes(Name)) await storage.create(Name, Opts ?? {});
        return {};
      }),
    'VolumeDriver.Remove': async ({ Name }: Named) =>
      await told(async () => {
        await storage.remove(Name);
        return {};
      }),
    'VolumeDriver.Mount': async ({ Name, ID }: Named) =>
      await told(async () => {
        const mountpoint = mountpoints.get(Name) ?? (await storage.attach(Name));
        mountpoints.set(Name, mountpoint);
        users.set(Name, new Set([...(users.get(Name) ?? []), ID]));
        return { Mountpoint: mountpoint };
      }),
    'VolumeDriver.Unmount': async ({ Name, ID }: Named) =>
      await told(async () => {
        const left = new Set(users.get(Name));
        left.delete(ID);
        users.set(Name, left);
        if (left.size === 0 && mountpoints.delete(Name)) await storage.detach(Name);
        return {};
      }),
    'VolumeDriver.Path': ({ Name }: Named) => ({ Mountpoint: mountpoints.get(Name) ?? '' }),
    'VolumeDriver.Get': ({ Name }: Named) =>
      storage.names().includes(Name) ? { Volume: describe(Name) } : { Err: `no volume ${Name} here` },
    'VolumeDriver.List': () => ({ Volumes: storage.names().map(describe) }),
    'VolumeDriver.Capabilities': () => ({ Capabilities: { Scope: 'global' } }),
  };
}

async function told(work: () => Promise<object>): Promise<object> {
  try {
    return await work();
  } catch (error) {
    return { Err: error instanceof Error ? error.message : String(error) };
  }
}
