import { familiarName, parseName } from '#spec/reference';

export interface ImageName {
  /** as people write it: `busybox`, `registry:5000/team/app` */
  readonly repository: string;
  /** `''` when none was written */
  readonly tag: string;
  /** `sha256:…`, or `''` */
  readonly digest: string;
}

/**
 * Cuts `registry:5000/name:tag@digest` into its parts.
 *
 * @throws {EngineError} `invalid`, with the reason where people stumble: capital letters.
 */
export function parseImageName(text: string): ImageName {
  const name = parseName(text);
  return { repository: familiarName(name), tag: name.tag ?? '', digest: name.digest ?? '' };
}
