import { EngineError } from '#base/errors';

/**
 * By these crun and runc let whoever writes the spec choose a handler library, hooks' output, a seccomp filter, the
 * settings of a systemd unit or of CRIU (crun(1); runc, docs/systemd.md): past everything the engine decides and checks.
 */
const STEERING = ['run.oci.', 'module.wasm.', 'org.systemd.property.', 'org.criu.'];

/** @throws {EngineError} `invalid` for one that would steer the runtime. */
export function checkAnnotations(annotations: Readonly<Record<string, string>>): void {
  const steering = Object.keys(annotations).find(isSteering);
  if (steering === undefined) return;
  throw new EngineError(
    'invalid',
    `annotation ${JSON.stringify(steering)} is not allowed: it would steer the runtime past the engine`,
  );
}

/** Those that reach the runtime, whoever wrote them down. */
export function harmlessAnnotations(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !isSteering(key)));
}

function isSteering(key: string): boolean {
  const lower = key.toLowerCase();
  return STEERING.some(prefix => lower.startsWith(prefix));
}
