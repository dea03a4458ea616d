import { codeOf, EngineError } from '#base/errors';
import { readFileInRoot } from '#sys/openat2';

/** Who a process runs as. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  /** all groups of the process, the primary one first */
  readonly groups: readonly number[];
  /** home directory by the image's passwd file, `/` when it does not say */
  readonly home: string;
}

/** The two files of the image; `undefined` where it has none. */
export interface AccountFiles {
  readonly passwd: string | undefined;
  readonly group: string | undefined;
}

/** Bounds on what an image can make the engine read. More is an error, never cut. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_ENTRIES = 10_000;
const MAX_ID = 2 ** 31 - 1;

/**
 * Finds the user of a container or exec in its image, as `--user name|uid[:group|gid]` and `--group-add` say.
 *
 * A number is never looked up as a name. Groups of the image are added only when no group was asked for.
 *
 * @param root the mounted root file system, or a descriptor of it
 * @throws {EngineError} `invalid` with Docker's wording, or when a file that is needed is larger than 1 MiB.
 */
export function lookUpUser(
  root: string | number,
  spec: string,
  extraGroups: readonly string[] = [],
): ProcessUser {
  return resolveUser(new ImageAccounts(root), spec, extraGroups);
}

/** {@link lookUpUser} on files that were read already. */
export function resolveUser(
  files: AccountFiles,
  spec: string,
  extraGroups: readonly string[] = [],
): ProcessUser {
  const [, userPart = '', groupPart = ''] = /^([^:]*):?(.*)$/s.exec(spec) ?? [];
  const account = findAccount(files, userPart);
  const groups = new GroupFile(files);
  const gid = groupPart === '' ? account.gid : groups.find(groupPart);
  const member = groupPart === '' && account.name !== undefined ? groups.of(account.name) : [];
  const extra = extraGroups.map(group => groups.find(group));
  return {
    uid: account.uid,
    gid,
    groups: [...new Set([gid, ...member, ...extra])],
    home: account.home === '' ? '/' : account.home,
  };
}

/** Reads each file only when it is needed. */
class ImageAccounts implements AccountFiles {
  readonly #root: string | number;

  constructor(root: string | number) {
    this.#root = root;
  }

  get passwd(): string | undefined {
    return readText(this.#root, '/etc/passwd');
  }

  get group(): string | undefined {
    return readText(this.#root, '/etc/group');
  }
}

/** The groups of an image, parsed once and only when a name is looked up. */
class GroupFile {
  readonly #files: AccountFiles;
  #entries: readonly GroupEntry[] | undefined;

  constructor(files: AccountFiles) {
    this.#files = files;
  }

  /** The number of a group; a number stands for itself. @throws {EngineError} `invalid` for an unknown name. */
  find(group: string): number {
    const number = parseId(group);
    if (number !== undefined) return number;
    const found = this.#all().find(({ name }) => name === group);
    if (found) return found.gid;
    throw new EngineError('invalid', `unable to find group ${group}: no matching entries in group file`);
  }

  of(user: string): readonly number[] {
    return this.#all()
      .filter(({ members }) => members.includes(user))
      .map(({ gid }) => gid);
  }

  #all(): readonly GroupEntry[] {
    this.#entries ??= parseGroups(this.#files.group);
    return this.#entries;
  }
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

type Account = Omit<PasswdEntry, 'name'> & { readonly name?: string };

function findAccount(files: AccountFiles, user: string): Account {
  const number = user === '' ? 0 : parseId(user);
  const found = parsePasswd(files.passwd).find(entry =>
    number === undefined ? entry.name === user : entry.uid === number,
  );
  if (found) return found;
  if (number === undefined) {
    throw new EngineError('invalid', `unable to find user ${user}: no matching entries in passwd file`);
  }
  return { uid: number, gid: 0, home: '/' };
}

/**
 * @returns `undefined` when the text is no number.
 * @throws {EngineError} `invalid` outside of 0 to 2^31-1: the kernel would wrap it around, to root for instance.
 */
function parseId(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id < 0 || id > MAX_ID) {
    throw new EngineError('invalid', `uids and gids must be in range 0-${MAX_ID}`);
  }
  return id;
}

function parsePasswd(text: string | undefined): readonly PasswdEntry[] {
  return entriesOf(text, 'passwd').flatMap(([name = '', , uid, gid, , home = '']) => {
    const ids = [fileId(uid), fileId(gid)] as const;
    // A line whose ids are no ids names nobody: reading them as 0 would name root.
    return name === '' || ids[0] === undefined || ids[1] === undefined
      ? []
      : [{ name, uid: ids[0], gid: ids[1], home }];
  });
}

function parseGroups(text: string | undefined): readonly GroupEntry[] {
  return entriesOf(text, 'group').flatMap(([name = '', , gid, members = '']) => {
    const id = fileId(gid);
    return name === '' || id === undefined ? [] : [{ name, gid: id, members: members.split(',') }];
  });
}

function entriesOf(text: string | undefined, file: string): readonly (readonly string[])[] {
  if (text === undefined) return [];
  const lines = text.split('\n').map(line => line.trim());
  const entries = lines.filter(line => line !== '' && !line.startsWith('#'));
  if (entries.length > MAX_ENTRIES) {
    throw new EngineError('invalid', `/etc/${file} of the image has more than ${MAX_ENTRIES} entries`);
  }
  return entries.map(line => line.split(':'));
}

function fileId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

function readText(root: string | number, path: string): string | undefined {
  try {
    return readFileInRoot(root, path, { maxBytes: MAX_FILE_BYTES })?.toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') {
      throw new EngineError('conflict', `a process of the container holds its ${path} locked`, {
        cause: error,
      });
    }
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError('invalid', `${path} of the image is larger than ${MAX_FILE_BYTES} bytes`, {
      cause: error,
    });
  }
}
