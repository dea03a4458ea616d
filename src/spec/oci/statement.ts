import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { maybe, orDefault, textMap } from '#spec/docker/lenient';
import { checkValue } from './json.ts';
import type { Descriptor } from './manifest.ts';

/** How a statement lies in its blob: bare, signed (DSSE), signed with its proofs (Sigstore bundle), or a bill of materials without one. */
export type StatementForm = 'in-toto' | 'dsse' | 'bundle' | 'document';

/** What somebody says about an image (in-toto attestation framework, statement layer 0.1 and 1). */
export interface Statement {
  readonly form: StatementForm;
  /** what kind of thing is said: `https://slsa.dev/provenance/v1` */
  readonly predicateType: string;
  /** as it was signed or sent, byte for byte: JSON, an object */
  readonly bytes: Buffer;
  /** how many signatures come along; nobody has verified them */
  readonly signatures: number;
  /** SHA-256 digests of what it is about, in hex; empty when it does not say */
  readonly subjects: readonly string[];
}

const SPDX = 'https://spdx.dev/Document';
const CYCLONEDX = 'https://cyclonedx.org/bom';
/** In-toto statements and envelopes, bundles, and bills of materials. */
const STATEMENT_TYPE = /in-toto|\bdsse\b|sigstore\.bundle|\bspdx\b|cyclonedx/i;
/** BuildKit's, and cosign's. */
const TYPE_ANNOTATIONS = ['in-toto.io/predicate-type', 'predicateType', 'dev.sigstore.bundle.predicateType'];

const Envelope = v.object({ payload: v.string(), signatures: orDefault(v.array(v.unknown()), []) });
const Shape = v.object({
  predicateType: maybe(v.unknown()),
  payload: maybe(v.unknown()),
  dsseEnvelope: maybe(v.unknown()),
  spdxVersion: maybe(v.unknown()),
  bomFormat: maybe(v.unknown()),
});
const InToto = v.object({
  predicateType: v.pipe(v.string(), v.minLength(1), v.maxLength(2048)),
  subject: orDefault(v.array(v.object({ digest: textMap })), []),
});

const FORM_TYPES = {
  'in-toto': 'application/vnd.in-toto+json',
  dsse: 'application/vnd.dsse.envelope.v1+json',
  bundle: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  document: '',
} as const satisfies Record<StatementForm, string>;

/** The media type of a blob with this statement. */
export function statementMediaType({
  form,
  predicateType,
}: Pick<Statement, 'form' | 'predicateType'>): string {
  const isSpdx = predicateType === SPDX;
  return FORM_TYPES[form] || (isSpdx ? 'application/spdx+json' : 'application/vnd.cyclonedx+json');
}

/** Whether a blob of this media type may hold a statement. */
export function mayHoldStatement(mediaType: string): boolean {
  return STATEMENT_TYPE.test(mediaType);
}

/** What annotations or the media type say of the kind; empty when only the blob itself does. */
export function announcedPredicateType(
  { mediaType, annotations }: Pick<Descriptor, 'mediaType' | 'annotations'>,
  outer: Readonly<Record<string, string>>,
): string {
  for (const name of TYPE_ANNOTATIONS) {
    const value = annotations[name] ?? outer[name] ?? '';
    if (value !== '') return value;
  }
  if (/in-toto|dsse|bundle/i.test(mediaType)) return '';
  return /cyclonedx/i.test(mediaType) ? CYCLONEDX : /spdx/i.test(mediaType) ? SPDX : '';
}

/**
 * Reads the statement of a blob, whatever it is wrapped in.
 *
 * @param what names it in errors
 * @throws {EngineError} `invalid`.
 */
export function parseStatement(blob: Buffer, what: string): Statement {
  const json = parseObject(blob, what);
  const shape = checkValue(Shape, json, what);
  if (shape.dsseEnvelope !== undefined) return opened(shape.dsseEnvelope, 'bundle', what);
  if (shape.payload !== undefined) return opened(json, 'dsse', what);
  if (shape.predicateType !== undefined)
    return { ...inToto(json, what), form: 'in-toto', bytes: blob, signatures: 0 };
  const isSpdx = shape.spdxVersion !== undefined;
  if (!isSpdx && shape.bomFormat === undefined) {
    throw new EngineError('invalid', `${what} is no attestation: it has no predicateType`);
  }
  const predicateType = isSpdx ? SPDX : CYCLONEDX;
  return { form: 'document', predicateType, bytes: blob, signatures: 0, subjects: [] };
}

function opened(envelope: unknown, form: StatementForm, what: string): Statement {
  const { payload, signatures } = checkValue(Envelope, envelope, what);
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(payload)) {
    throw new EngineError('invalid', `${what} is invalid: the payload of its envelope is not base64`);
  }
  const bytes = Buffer.from(payload, 'base64');
  const json = parseObject(bytes, `the payload of ${what}`);
  return { ...inToto(json, what), form, bytes, signatures: signatures.length };
}

function inToto(json: unknown, what: string): Pick<Statement, 'predicateType' | 'subjects'> {
  const { predicateType, subject } = checkValue(InToto, json, what);
  return { predicateType, subjects: subject.flatMap(({ digest }) => digest['sha256'] ?? []) };
}

function parseObject(bytes: Buffer, what: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new EngineError('invalid', `${what} is not JSON`, { cause });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new EngineError('invalid', `${what} is invalid: expected an object`);
}
