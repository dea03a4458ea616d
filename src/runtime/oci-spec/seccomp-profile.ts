import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import type { ResolvedSeccomp, SeccompArgument, SeccompRule } from '#sys/resolved-seccomp';

/** What a profile's conditions are decided by. */
export interface SeccompSubject {
  /** bounding set of the container, `CAP_…` */
  readonly capabilities: readonly string[];
  /** Go's name of the machine: `amd64`, `arm64`, … */
  readonly architecture: string;
  /** major and minor of the running kernel */
  readonly kernel: readonly [number, number];
}

const Conditions = v.object({
  caps: v.nullish(v.array(v.string()), []),
  arches: v.nullish(v.array(v.string()), []),
  minKernel: v.nullish(v.string()),
});

const natural = v.union([v.pipe(v.number(), v.integer(), v.minValue(0)), v.bigint()]);

const Argument = v.object({
  index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5)),
  value: v.nullish(natural, 0),
  valueTwo: v.nullish(natural, 0),
  op: v.string(),
});

const Rule = v.object({
  name: v.nullish(v.string(), ''),
  names: v.nullish(v.array(v.string()), []),
  action: v.string(),
  errnoRet: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095))),
  args: v.nullish(v.array(Argument), []),
  includes: v.nullish(Conditions),
  excludes: v.nullish(Conditions),
});

/** A profile as users write it (Docker's format: OCI's plus `archMap`, `includes` and `excludes`). */
export const SeccompProfile = v.object({
  defaultAction: v.string(),
  defaultErrnoRet: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095))),
  architectures: v.nullish(v.array(v.string()), []),
  archMap: v.nullish(
    v.array(v.object({ architecture: v.string(), subArchitectures: v.nullish(v.array(v.string()), []) })),
    [],
  ),
  flags: v.nullish(v.array(v.string()), []),
  listenerPath: v.nullish(v.string(), ''),
  listenerMetadata: v.nullish(v.string(), ''),
  syscalls: v.nullish(v.array(Rule), []),
});
export type SeccompProfile = v.InferOutput<typeof SeccompProfile>;
export type SeccompProfileInput = v.InferInput<typeof SeccompProfile>;

type Conditions = v.InferOutput<typeof Conditions>;

/** libseccomp's name of a machine by Go's name of it */
const NATIVE_ARCHITECTURES = new Map([
  ['amd64', 'SCMP_ARCH_X86_64'],
  ['arm64', 'SCMP_ARCH_AARCH64'],
  ['riscv64', 'SCMP_ARCH_RISCV64'],
  ['s390x', 'SCMP_ARCH_S390X'],
  ['ppc64le', 'SCMP_ARCH_PPC64LE'],
  ['arm', 'SCMP_ARCH_ARM'],
  ['386', 'SCMP_ARCH_X86'],
]);

/** @throws {EngineError} `invalid` with Docker's wording. */
export function parseSeccompProfile(json: string): SeccompProfile {
  let profile: SeccompProfile;
  try {
    profile = v.parse(SeccompProfile, JSON.parse(json, keepBigNumbers));
  } catch (error) {
    throw new EngineError('invalid', `Decoding seccomp profile failed: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (profile.architectures.length > 0 && profile.archMap.length > 0) {
    throw new EngineError('invalid', "use either 'architectures' or 'archMap'");
  }
  if (profile.syscalls.some(({ name, names }) => name !== '' && names.length > 0)) {
    throw new EngineError('invalid', "use either 'name' or 'names'");
  }
  return profile;
}

/** Decides every condition of a profile for one container. */
export function resolveSeccomp(profile: SeccompProfile, subject: SeccompSubject): ResolvedSeccomp {
  const { defaultErrnoRet, flags, listenerPath, listenerMetadata } = profile;
  return {
    defaultAction: profile.defaultAction,
    ...(typeof defaultErrnoRet === 'number' && { defaultErrnoRet }),
    architectures: architecturesOf(profile, subject),
    syscalls: profile.syscalls.filter(rule => isIncluded(rule, subject)).map(toOciRule),
    ...(flags.length > 0 && { flags }),
    ...(listenerPath !== '' && { listenerPath }),
    ...(listenerMetadata !== '' && { listenerMetadata }),
  };
}

function architecturesOf(profile: SeccompProfile, subject: SeccompSubject): readonly string[] {
  if (profile.archMap.length === 0) return profile.architectures;
  const native = NATIVE_ARCHITECTURES.get(subject.architecture);
  const entry = profile.archMap.find(({ architecture }) => architecture === native);
  return entry ? [entry.architecture, ...entry.subArchitectures] : [];
}

function isIncluded(
  rule: Pick<SeccompProfile['syscalls'][number], 'includes' | 'excludes'>,
  subject: SeccompSubject,
): boolean {
  const { includes, excludes } = rule;
  if (excludes && meetsAny(excludes, subject)) return false;
  return !includes || meetsAll(includes, subject);
}

function meetsAny({ arches, caps, minKernel }: Conditions, subject: SeccompSubject): boolean {
  return (
    arches.includes(subject.architecture) ||
    caps.some(cap => subject.capabilities.includes(cap)) ||
    (typeof minKernel === 'string' && isAtLeast(subject.kernel, minKernel))
  );
}

function meetsAll({ arches, caps, minKernel }: Conditions, subject: SeccompSubject): boolean {
  return (
    (arches.length === 0 || arches.includes(subject.architecture)) &&
    caps.every(cap => subject.capabilities.includes(cap)) &&
    (typeof minKernel !== 'string' || isAtLeast(subject.kernel, minKernel))
  );
}

function isAtLeast([major, minor]: readonly [number, number], wanted: string): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function toOciRule(rule: SeccompProfile['syscalls'][number]): SeccompRule {
  const { name, names, action, errnoRet } = rule;
  const args: readonly SeccompArgument[] = rule.args;
  return {
    names: name === '' ? names : [name],
    action,
    ...(typeof errnoRet === 'number' && { errnoRet }),
    ...(args.length > 0 && { args }),
  };
}

/** Masks and values are 64 bits wide; what a double cannot hold stays exact. */
function keepBigNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return context?.source !== undefined && /^\d+$/.test(context.source) ? BigInt(context.source) : value;
}
