import { EngineError } from '#base/errors';
import { nearest } from '#base/spelling';

/** What an image was made for, in the words of Go: `linux`, `amd64`, `v8`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** `process.arch` of Node → GOARCH */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
/** What people write → GOARCH and variant (as containerd's platforms package) */
const ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  i386: ['386'],
  i686: ['386'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };

/** The platform of a host with this `process.arch`. */
export function hostPlatform(nodeArchitecture: string): Platform {
  return normalizePlatform({
    os: 'linux',
    architecture: ARCHITECTURES[nodeArchitecture] ?? nodeArchitecture,
  });
}

/** Aliases resolved, and variants that mean nothing dropped (`amd64/v1`, `arm64/v8`). */
export function normalizePlatform({ os, architecture, variant = '' }: Platform): Platform {
  const lower = architecture.toLowerCase();
  const [name, implied = ''] = ALIASES[lower] ?? [lower];
  const given = variant === '' ? implied : variant.toLowerCase();
  const isPlain = (name === 'amd64' && given === 'v1') || (name === 'arm64' && given === 'v8');
  return {
    os: os.toLowerCase() || 'linux',
    architecture: name,
    ...(given === '' || isPlain ? {} : { variant: given }),
  };
}

/**
 * Parses `linux/arm64`, `linux/arm/v7` or `arm64`.
 *
 * @throws {EngineError} `invalid`.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some(part => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw new EngineError(
      'invalid',
      `"${text}" is an invalid platform: write os/architecture, as linux/amd64`,
    );
  }
  const [first = '', second, variant] = parts;
  if (second === undefined) return normalizePlatform({ os: 'linux', architecture: first });
  return normalizePlatform({
    os: first,
    architecture: second,
    ...(variant === undefined ? {} : { variant }),
  });
}

/** GOOS and GOARCH of what containers are made for anywhere. */
const KNOWN = {
  'operating system': new Set(
    'linux windows darwin freebsd netbsd openbsd solaris wasip1 wasi js'.split(' '),
  ),
  architecture: new Set(
    '386 amd64 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc64 wasm'.split(
      ' ',
    ),
  ),
} as const;

/**
 * The same for what is to be made: a name that nobody knows would be written into an image.
 *
 * @throws {EngineError} `invalid`.
 */
export function parseKnownPlatform(text: string): Platform {
  const platform = parsePlatform(text);
  const { os, architecture } = platform;
  const parts = [
    ['operating system', os],
    ['architecture', architecture],
  ] as const;
  for (const [kind, name] of parts) {
    if (KNOWN[kind].has(name)) continue;
    const meant = nearest(name, KNOWN[kind]);
    const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
    throw new EngineError('invalid', `platform "${text}": unknown ${kind} ${name}${hint}`);
  }
  return platform;
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined || variant === ''
    ? `${os}/${architecture}`
    : `${os}/${architecture}/${variant}`;
}

/**
 * How well something made for `offered` runs where `wanted` is native: 0 not at all, higher is better.
 * An older variant runs on a newer one, and 32-bit on its 64-bit successor where every kernel of ours allows it.
 */
export function platformFit(wanted: Platform, offered: Platform): number {
  const [want, offer] = [normalizePlatform(wanted), normalizePlatform(offered)];
  if (want.os !== offer.os || want.architecture !== offer.architecture) return 0;
  const [level, made] = [variantLevel(want), variantLevel(offer)];
  return made > level ? 0 : 1 + made;
}

function variantLevel({ architecture, variant = DEFAULT_VARIANTS[architecture] ?? 'v1' }: Platform): number {
  const level = Number(/^v([0-9]+)/.exec(variant)?.[1]);
  return Number.isNaN(level) ? 0 : level;
}
