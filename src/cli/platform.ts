import { CliError } from './cli-error.ts';

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}

/** Other names of processors, and the generation they stand for. */
const ARCHITECTURES: Readonly<Record<string, readonly [name: string, variant?: string]>> = {
  i386: ['386'],
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};
const KNOWN_ARCHITECTURES = new Set('386 amd64 arm arm64 loong64 mips64le ppc64le riscv64 s390x'.split(' '));
const KNOWN_SYSTEMS = new Set(['linux', 'windows', 'darwin', 'freebsd']);

/**
 * `linux/arm64`, `linux/arm/v7`, `arm64` or `linux`, with the names that Docker uses for them.
 *
 * @throws {CliError} for anything else.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  const [first = '', second, third] = parts;
  const isWrong = parts.length > 3 || parts.some(part => !/^[\w.-]+$/.test(part));
  if (isWrong)
    throw new CliError(`"${text}" is an invalid component of a platform: write os/architecture[/variant]`);
  if (second !== undefined) return normalPlatform(first === 'macos' ? 'darwin' : first, second, third);
  if (KNOWN_SYSTEMS.has(first)) return normalPlatform(first, process.arch === 'x64' ? 'amd64' : process.arch);
  const platform = normalPlatform('linux', first);
  if (KNOWN_ARCHITECTURES.has(platform.architecture)) return platform;
  throw new CliError(`"${text}": unknown operating system or architecture: invalid argument`);
}

/** As the API takes it in a query. */
export function platformJson(text: string): string {
  return JSON.stringify(parsePlatform(text));
}

function normalPlatform(os: string, machine: string, given?: string): Platform {
  const [architecture, meant] = ARCHITECTURES[machine] ?? [machine];
  const variant = normalVariant(architecture, given ?? meant);
  return { architecture, os, ...(variant ? { variant } : {}) };
}

/** `arm64/v8` is every arm64, `arm` alone means the seventh generation. */
function normalVariant(architecture: string, variant: string | undefined): string | undefined {
  if (architecture === 'arm64' && (variant === 'v8' || variant === '8')) return undefined;
  if (architecture === 'arm') return /^\d$/.test(variant ?? '') ? `v${variant}` : (variant ?? 'v7');
  return architecture === 'amd64' && variant === 'v1' ? undefined : variant;
}
