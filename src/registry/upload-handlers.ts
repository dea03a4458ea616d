import { patientChunks } from '#http/patient-chunks';
import { type BytesReply, type ReplyHeaders, reply } from '#http/reply';
import type { RawRequest } from '#http/route';
import type { AccessControl } from './access-control.ts';
import type { Blobs } from './blobs.ts';
import { parseContentRange } from './byte-range.ts';
import { RegistryError } from './errors.ts';
import { admitted, type Exchange, parameter } from './exchange.ts';
import { checkDigest, checkRepository, shown } from './names.ts';
import type { Limits } from './registry-options.ts';
import type { UploadBody, Uploads } from './uploads.ts';

export interface UploadHandlersDeps {
  readonly access: AccessControl;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly limits: Pick<Limits, 'stallMs' | 'chunkMinBytes'>;
}

/** In the time of a stall has to come at least so much. */
const LEAST_BYTES = 16 * 1024;

/** The requests that bring a blob. */
export class UploadHandlers {
  readonly #deps: UploadHandlersDeps;

  constructor(deps: UploadHandlersDeps) {
    this.#deps = deps;
  }

  /** `POST`: begins an upload, takes a whole blob (`digest`), or one of another repository (`mount`). */
  async begin(exchange: Exchange): Promise<BytesReply> {
    const { request, repository, caller } = exchange;
    const mount = parameter(request, 'mount');
    if (mount !== undefined) {
      const digest = checkDigest(mount);
      if (await this.#mount(exchange, digest)) return blobCreated(repository, digest);
    }
    const whole = parameter(request, 'digest');
    const digest = whole === undefined ? undefined : checkDigest(whole);
    checkAlgorithm(request);
    const id = this.#deps.uploads.begin(repository, caller, request.peer.address);
    if (digest === undefined) return this.#accepted(exchange, id, 0);
    const name = { id, repository, caller };
    try {
      await this.#deps.uploads.finish(name, digest, this.#body(request));
    } catch (error) {
      await this.#deps.uploads.cancel(name).catch(() => undefined); // it is gone already
      throw error;
    }
    return blobCreated(repository, digest);
  }

  /** `PATCH`: takes a part. */
  async append(exchange: Exchange, id: string): Promise<BytesReply> {
    const { request, repository, caller } = exchange;
    const name = { id, repository, caller };
    const size = await this.#saying(exchange, id, () => this.#deps.uploads.append(name, this.#body(request)));
    return this.#accepted(exchange, id, size);
  }

  /** `PUT`: takes the last part, and makes it a blob. */
  async finish(exchange: Exchange, id: string): Promise<BytesReply> {
    const { request, repository, caller } = exchange;
    const text = parameter(request, 'digest');
    if (text === undefined) throw new RegistryError('DIGEST_INVALID', 'the parameter digest is missing');
    const digest = checkDigest(text);
    const name = { id, repository, caller };
    await this.#saying(exchange, id, () => this.#deps.uploads.finish(name, digest, this.#body(request)));
    return blobCreated(repository, digest);
  }

  /** `GET`: where it stands. */
  status({ repository, caller }: Exchange, id: string): BytesReply {
    const size = this.#deps.uploads.size({ id, repository, caller });
    return { ...reply.noContent(), headers: place(repository, id, size) };
  }

  /** `DELETE` */
  async cancel({ repository, caller }: Exchange, id: string): Promise<BytesReply> {
    await this.#deps.uploads.cancel({ id, repository, caller });
    return reply.noContent();
  }

  /** Only from where the caller could have pulled it: a digest alone gives nobody a blob. */
  async #mount({ request, repository }: Exchange, digest: ReturnType<typeof checkDigest>): Promise<boolean> {
    const from = parameter(request, 'from');
    if (from === undefined) return false;
    const source = checkRepository(from);
    try {
      await admitted(this.#deps.access, request, { repository: source, actions: ['pull'] });
    } catch (error) {
      if (error instanceof RegistryError) return false; // and so it is sent
      throw error;
    }
    return this.#deps.blobs.mount(digest, source, repository);
  }

  #accepted({ repository }: Exchange, id: string, size: number): BytesReply {
    const { chunkMinBytes } = this.#deps.limits;
    const hint = chunkMinBytes > 0 ? { 'OCI-Chunk-Min-Length': String(chunkMinBytes) } : {};
    return { ...reply.empty(202), headers: { ...place(repository, id, size), ...hint } };
  }

  /** A client that is out of step is told where the upload stands. */
  async #saying<T>({ repository, caller }: Exchange, id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'RANGE_INVALID') throw error;
      const size = this.#deps.uploads.size({ id, repository, caller });
      throw new RegistryError('RANGE_INVALID', error.message, { headers: place(repository, id, size) });
    }
  }

  #body(request: RawRequest): UploadBody {
    const { stallMs } = this.#deps.limits;
    const tooSlow = (): Error =>
      new RegistryError('TIMEOUT', `less than ${LEAST_BYTES} bytes came in ${stallMs / 1000} s`);
    return {
      range: contentRange(request),
      chunks: signal => patientChunks(request.bytes, { stallMs, leastBytes: LEAST_BYTES, tooSlow, signal }),
    };
  }
}

/** @throws {RegistryError} `RANGE_INVALID`, `SIZE_INVALID` where it is not as much as the body. */
function contentRange({ headers }: RawRequest): UploadBody['range'] {
  const text = headers['content-range'];
  if (text === undefined) return undefined;
  const range = parseContentRange(text);
  if (!range) throw new RegistryError('RANGE_INVALID', `"${shown(text)}" is no Content-Range: write 0-1023`);
  const sizeBytes = range.last - range.first + 1;
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== sizeBytes) {
    throw new RegistryError(
      'SIZE_INVALID',
      `Content-Range ${shown(text)} does not fit to Content-Length ${length}`,
    );
  }
  return { first: range.first, sizeBytes };
}

/** A client may say which algorithm it is going to use. */
function checkAlgorithm(request: RawRequest): void {
  const algorithm = parameter(request, 'digest-algorithm');
  if (algorithm === undefined || algorithm === 'sha256') return;
  throw new RegistryError('UNSUPPORTED', `digest algorithm ${shown(algorithm)} is not supported: use sha256`);
}

/** Distribution's way: nothing at all is told as `0-0` too. */
function place(repository: string, id: string, size: number): ReplyHeaders {
  return {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: `0-${Math.max(0, size - 1)}`,
    'Docker-Upload-UUID': id,
  };
}

function blobCreated(repository: string, digest: string): BytesReply {
  return {
    ...reply.empty(201),
    headers: { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest },
  };
}
