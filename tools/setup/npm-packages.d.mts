interface Lock {
  readonly packages?: Readonly<Record<string, object>>;
}

export function missingPackages(
  wanted: Lock,
  present: Lock,
  machine: { readonly platform: string; readonly arch: string },
): string[];
