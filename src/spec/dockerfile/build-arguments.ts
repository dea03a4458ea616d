import type { Platform } from '#spec/oci/platform';

/** Arguments that every RUN sees without `ARG`; they are in no history and change no key of the cache. */
export const PROXY_ARGUMENTS: ReadonlySet<string> = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap(name => [
    name,
    name.toLowerCase(),
  ]),
);

/** What `FROM` sees without `ARG`, and a stage after `ARG name`. */
export function platformArguments({
  build,
  target,
  stage = 'default',
}: {
  readonly build: Platform;
  readonly target: Platform;
  /** as `--target` has it */
  readonly stage?: string;
}): Readonly<Record<string, string>> {
  return { ...ofPlatform('BUILD', build), ...ofPlatform('TARGET', target), TARGETSTAGE: stage };
}

export const PLATFORM_ARGUMENTS: ReadonlySet<string> = new Set([
  ...['BUILD', 'TARGET'].flatMap(side =>
    ['PLATFORM', 'OS', 'OSVERSION', 'ARCH', 'VARIANT'].map(name => side + name),
  ),
  'TARGETSTAGE',
]);

function ofPlatform(side: string, platform: Platform): Record<string, string> {
  const { os, architecture, variant } = platform;
  return {
    [`${side}PLATFORM`]: [os, architecture, variant].filter(Boolean).join('/'),
    [`${side}OS`]: os,
    [`${side}OSVERSION`]: '',
    [`${side}ARCH`]: architecture,
    [`${side}VARIANT`]: variant ?? '',
  };
}
