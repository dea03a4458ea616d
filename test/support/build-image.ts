import type { TestDaemon } from './daemon.ts';
import { type LayerEntry, tarOf } from './image-archive.ts';

/** What a build told, line by line. */
export interface BuildAnswer {
  readonly status: number;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** all it printed */
  readonly text: string;
  readonly imageId: string | undefined;
  readonly error: string | undefined;
}

export interface BuildOptions {
  /** further files of the context: content by name */
  readonly files?: Readonly<Record<string, string>>;
  /** entries of the context's tar as they are */
  readonly entries?: readonly LayerEntry[];
  /** of the request, JSON where it is not text */
  readonly query?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** Builds an image as a client of the classic builder does. */
export async function buildImageWith(
  daemon: TestDaemon,
  dockerfile: string,
  { files = {}, entries = [], query = {}, signal }: BuildOptions = {},
): Promise<BuildAnswer> {
  const named = Object.entries(files).map(([path, content]) => ({ path, content }));
  const tar = tarOf([{ path: 'Dockerfile', content: dockerfile }, ...named, ...entries]);
  return await buildImageFrom(daemon, tar, { query, ...(signal ? { signal } : {}) });
}

/** Builds of a context as it stands, or of what the query names. */
export async function buildImageFrom(
  daemon: TestDaemon,
  context: Buffer,
  { query = {}, signal }: Pick<BuildOptions, 'query' | 'signal'> = {},
): Promise<BuildAnswer> {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const parameters = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, text(value)]));
  const { status, body } = await daemon.call('POST', `/build?${parameters.toString()}`, context, {
    headers: { 'Content-Type': 'application/x-tar' },
    ...(signal ? { signal } : {}),
  });
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  const lines = raw
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>);
  const ids = lines.flatMap(({ aux }) => (aux as { ID?: string } | undefined)?.ID ?? []);
  const error = lines.flatMap(line => line['error'] ?? line['message'] ?? [])[0];
  return {
    status,
    lines,
    text: lines.map(({ stream }) => (typeof stream === 'string' ? stream : '')).join(''),
    imageId: ids.at(-1),
    error: typeof error === 'string' ? error : undefined,
  };
}

/** As {@link buildImageWith}; what went wrong is thrown. */
export async function builtImage(
  daemon: TestDaemon,
  dockerfile: string,
  options: BuildOptions = {},
): Promise<BuildAnswer & { readonly imageId: string }> {
  const answer = await buildImageWith(daemon, dockerfile, options);
  const { imageId, error } = answer;
  if (imageId === undefined || error !== undefined)
    throw new Error(`the build failed: ${error ?? answer.text}`);
  return { ...answer, imageId };
}

/** Steps that were not done again, of those that change files. */
export function cachedSteps(text: string): number {
  const steps = text.split(/^Step /m).slice(1);
  return steps.filter(step => /: (?:RUN|COPY|ADD|WORKDIR) /.test(step) && step.includes('Using cache'))
    .length;
}

/** What a command prints in a container of an image. */
export async function runIn(
  daemon: TestDaemon,
  image: string,
  ...command: readonly string[]
): Promise<string> {
  return await outputOf(daemon, { Image: image, Cmd: command, Entrypoint: [] });
}

/** What a container prints until it ends. */
export async function outputOf(
  daemon: TestDaemon,
  request: Readonly<Record<string, unknown>>,
): Promise<string> {
  const created = await daemon.call('POST', '/containers/create', request);
  const { Id } = created.body as { Id?: string };
  if (Id === undefined) throw new Error(JSON.stringify(created.body));
  await daemon.call('POST', `/containers/${Id}/start`);
  await daemon.call('POST', `/containers/${Id}/wait`);
  const { response } = await daemon.stream('GET', `/containers/${Id}/logs?stdout=1&stderr=1`);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  await daemon.call('DELETE', `/containers/${Id}?force=1&v=1`);
  return unframed(Buffer.concat(chunks));
}

function unframed(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    text += bytes.toString('utf8', at + 8, at + 8 + length);
    at += 8 + length;
  }
  return text;
}

/** What a shell prints in an image built from these lines. */
export async function saidIn(
  daemon: TestDaemon,
  lines: readonly string[],
  script: string,
  options: BuildOptions = {},
): Promise<string> {
  const { imageId } = await builtImage(daemon, lines.join('\n'), options);
  return (await runIn(daemon, imageId, 'sh', '-c', script)).trim();
}
