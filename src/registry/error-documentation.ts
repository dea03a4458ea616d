import { REGISTRY_ERRORS } from './errors.ts';

const SOURCES = {
  oci: 'OCI distribution specification',
  distribution: 'distribution (the reference implementation)',
  quai: 'Quai',
} as const;

/** `docs/registry-errors.md`, which `tools/registry-errors.ts` writes and a test compares. */
export function errorDocumentation(): string {
  const rows = Object.entries(REGISTRY_ERRORS).map(
    ([code, { status, message, description, source }]) =>
      `| \`${code}\` | ${status} | ${message} | ${description} | ${SOURCES[source]} |`,
  );
  return `# Errors of the registry

<!-- Made from src/registry/errors.ts by tools/registry-errors.ts: change it there. -->

An answer below \`/v2/\` that is no success has a body
\`{"errors":[{"code": …, "message": …, "detail": …}]}\`. The code is what a program looks at; the message is for people, and is
more exact than the one below where more is known; \`detail\` may be missing.

| Code | Status | Message | When | Word of |
|---|---|---|---|---|
${rows.join('\n')}
`;
}
