import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakePlugin } from '#plugin/fake-plugin';

interface Known {
  readonly options: Readonly<Record<string, string>>;
  /** IDs that have it mounted */
  readonly users: string[];
}

type Named = { readonly Name: string; readonly ID: string; readonly Opts?: Record<string, string> | null };

/** For tests: a volume driver by Docker's protocol, with its volumes in a folder; it outlives engines, and itself. */
export class FakeVolumeDriver implements AsyncDisposable {
  readonly #plugin: FakePlugin;
  readonly #folder: string;

  private constructor(plugin: FakePlugin, folder: string) {
    this.#plugin = plugin;
    this.#folder = folder;
  }

  static async start(
    socketPath: string,
    folder: string,
    { scope = 'local' }: { readonly scope?: string } = {},
  ): Promise<FakeVolumeDriver> {
    mkdirSync(folder, { recursive: true });
    const plugin = await FakePlugin.start(socketPath, {
      capabilities: ['VolumeDriver'],
      methods: methods(folder, scope),
    });
    return new FakeVolumeDriver(plugin, folder);
  }

  get calls(): readonly string[] {
    return this.#plugin.calls;
  }

  find(name: string): Known | undefined {
    return readState(this.#folder)[name];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plugin[Symbol.asyncDispose]();
  }
}

function methods(folder: string, scope: string) {
  const mountpointOf = (name: string): string => join(folder, name);
  const describe = (name: string) => ({
    Name: name,
    Mountpoint: (readState(folder)[name]?.users.length ?? 0) > 0 ? mountpointOf(name) : '',
    CreatedAt: '2026-01-02T03:04:05Z',
    Status: { size: 'vast' },
  });
  /** Changes a volume, or refuses as a driver would. */
  const change = (name: string, next: (known: Known) => Known | undefined | string): object => {
    const state = readState(folder);
    const known = state[name];
    if (!known) return { Err: `no volume ${name} here` };
    const changed = next(known);
    if (typeof changed === 'string') return { Err: changed };
    const { [name]: _gone, ...others } = state;
    writeState(folder, changed ? { ...others, [name]: changed } : others);
    return { Mountpoint: mountpointOf(name) };
  };
  return {
    'VolumeDriver.Create': ({ Name, Opts }: Named) => {
      if (Opts?.['fail']) return { Err: 'the storage is full' };
      mkdirSync(mountpointOf(Name), { recursive: true });
      writeState(folder, { ...readState(folder), [Name]: { options: Opts ?? {}, users: [] } });
      return {};
    },
    'VolumeDriver.Remove': ({ Name }: Named) =>
      change(Name, ({ users }) => (users.length > 0 ? `${Name} is mounted` : undefined)),
    'VolumeDriver.Mount': ({ Name, ID }: Named) =>
      change(Name, ({ options, users }) => ({ options, users: [...users, ID] })),
    'VolumeDriver.Unmount': ({ Name, ID }: Named) =>
      change(Name, ({ options, users }) =>
        users.includes(ID)
          ? { options, users: users.filter(user => user !== ID) }
          : `${Name} is not mounted by ${ID}`,
      ),
    'VolumeDriver.Path': ({ Name }: Named) => ({ Mountpoint: mountpointOf(Name) }),
    'VolumeDriver.Get': ({ Name }: Named) =>
      readState(folder)[Name] ? { Volume: describe(Name) } : { Err: `no volume ${Name} here` },
    'VolumeDriver.List': () => ({ Volumes: Object.keys(readState(folder)).map(describe) }),
    'VolumeDriver.Capabilities': () => ({ Capabilities: { Scope: scope } }),
  };
}

function readState(folder: string): Record<string, Known> {
  const path = join(folder, '.state');
  // Only this file writes it.
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, Known>) : {};
}

function writeState(folder: string, state: Record<string, Known>): void {
  writeFileSync(join(folder, '.state'), JSON.stringify(state));
}
