import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

export type Digest = `sha256:${string}`;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  json(): unknown;
  /** of the first error */
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** Requests to a registry as they are written here: nothing normalizes their paths. */
export class RegistryRequests {
  readonly host: string;

  constructor(host: string) {
    this.host = host;
  }

  async call(method: string, path: string, { headers = {}, body }: Call = {}): Promise<Answer> {
    const [hostname = '', port] = this.host.split(':');
    const outgoing = request({ hostname, port, method, path, headers, agent: false });
    outgoing.end(body);
    // 'response' hands over exactly this.
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const bytes = await buffer(response);
    const json = (): unknown => JSON.parse(bytes.toString());
    const status = response.statusCode ?? 0;
    const isError = status >= 400 && bytes.length > 0;
    const [first] = isError ? (json() as { errors: { code: string; message: string }[] }).errors : [];
    return { status, headers: response.headers, bytes, json, code: first?.code, message: first?.message };
  }

  /** A connection on which `head` has been sent, for what an HTTP client would never do. */
  open(head: string): Socket {
    const [hostname = '', port] = this.host.split(':');
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.write(head);
    return socket;
  }

  /** Everything the server says to `head` until it closes the connection. */
  async converse(head: string): Promise<string> {
    return await text(this.open(head));
  }

  async begin(repository: string): Promise<string> {
    const { headers } = await this.call('POST', `/v2/${repository}/blobs/uploads/`);
    return headers.location ?? '';
  }

  async putBlob(repository: string, bytes: Buffer | string): Promise<Digest> {
    const digest = sha256(bytes);
    const { status } = await this.call('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, {
      body: bytes,
    });
    if (status !== 201) throw new Error(`a blob was not taken: ${status}`);
    return digest;
  }

  async putManifest(repository: string, name: string, manifest: object | string): Promise<Answer> {
    const body = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
    const parsed = JSON.parse(body) as { mediaType?: string };
    const headers = { 'Content-Type': parsed.mediaType ?? OCI_MANIFEST };
    return await this.call('PUT', `/v2/${repository}/manifests/${name}`, { headers, body });
  }

  /** A small image with everything it needs. */
  async push(repository: string, tag: string, layer: Buffer = randomBytes(100)): Promise<PushedImage> {
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { diff_ids: [] } });
    await this.putBlob(repository, config);
    await this.putBlob(repository, layer);
    const manifest = manifestOf(Buffer.from(config), [layer]);
    const { status, headers } = await this.putManifest(repository, tag, manifest);
    if (status !== 201) throw new Error(`a manifest was not taken: ${status}`);
    // what the registry calls it, which tests compare
    const digest = headers['docker-content-digest'] as Digest;
    return { digest, config: sha256(config), layer: sha256(layer), manifest: JSON.stringify(manifest) };
  }
}

export interface PushedImage {
  readonly digest: Digest;
  readonly config: Digest;
  readonly layer: Digest;
  readonly manifest: string;
}

export function sha256(bytes: Buffer | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function descriptor(bytes: Buffer | string, mediaType: string) {
  return { mediaType, digest: sha256(bytes), size: Buffer.byteLength(bytes) };
}

export function manifestOf(config: Buffer | string, layers: readonly (Buffer | string)[]) {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(config, OCI_CONFIG),
    layers: layers.map(layer => descriptor(layer, OCI_LAYER)),
  };
}
