import { EngineError } from '#base/errors';
import { checkWorkingDirectory } from '#runtime/oci-spec/working-directory';
import type { ContainerConfig } from '#spec/docker/container-config';
import { signalNumber } from '#spec/docker/signal-number';
import { shown } from './shown.ts';

const NANOS_PER_MS = 1_000_000;
/** The kernel's limit of a host name, and of a domain name (uts_namespaces(7)). */
const LONGEST_HOSTNAME = 64;
/** More is data, and would be carried along with every list and event. */
const LARGEST_LABELS_BYTES = 1024 * 1024;

/** The part of a request that an image could also have. @throws {EngineError} `invalid`, in Docker's words. */
export function checkContainerConfig(config: ContainerConfig): void {
  if (config.WorkingDir !== '') checkWorkingDirectory(config.WorkingDir);
  if (config.StopSignal !== '') signalNumber(config.StopSignal);
  for (const entry of config.Env) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${shown(entry)}`);
  }
  checkHealthcheck(config.Healthcheck);
  checkHostname('hostname', config.Hostname);
  checkHostname('domainname', config.Domainname);
  checkLabels(config.Labels);
}

function checkHealthcheck(healthcheck: ContainerConfig['Healthcheck']): void {
  if (!healthcheck) return;
  const { Interval, Timeout, Retries, StartPeriod, StartInterval } = healthcheck;
  checkDuration('Interval', Interval);
  checkDuration('Timeout', Timeout);
  if (Retries < 0) throw invalid('Retries in Healthcheck cannot be negative');
  checkDuration('StartPeriod', StartPeriod);
  checkDuration('StartInterval', StartInterval);
  const [kind] = healthcheck.Test;
  if (kind !== undefined && !['', 'NONE', 'CMD', 'CMD-SHELL'].includes(kind)) {
    throw invalid(`Unknown healthcheck type '${shown(kind)}' (expected 'CMD', 'CMD-SHELL' or 'NONE')`);
  }
}

function checkDuration(name: string, nanos: number): void {
  if (nanos !== 0 && nanos < NANOS_PER_MS) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
}

/** It becomes a line of /etc/hosts: no blanks, so that it cannot add names or lines of its own. */
function checkHostname(field: string, name: string): void {
  const isName = name === '' || /^[^\s#\p{Cc}]+$/u.test(name);
  if (!isName || Buffer.byteLength(name) > LONGEST_HOSTNAME) {
    throw invalid(
      `invalid ${field} format: ${shown(name)}: at most ${LONGEST_HOSTNAME} bytes without blanks`,
    );
  }
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  const bytes = Object.entries(labels).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (bytes > LARGEST_LABELS_BYTES) {
    throw invalid(`labels take ${bytes} bytes, at most ${LARGEST_LABELS_BYTES} are allowed`);
  }
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
