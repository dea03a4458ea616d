import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { cannotRunContainers } from './busybox-daemon.ts';
import { makeBusyboxArchive } from './busybox-image.ts';
import { startDaemon, type TestDaemon } from './daemon.ts';
import { cannotMakeDebian } from './debian-image.ts';
import type { ProgramResult } from './programs.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'machine';
const BOOT_MS = 90_000;
/** As a clone lies on a machine whose administrator followed the README. */
const CLONE = `${REPOSITORY}:/opt/quai:ro`;

/** Why systemd cannot be booted in a container here. */
export function cannotBootSystemd(): string | false {
  if (cannotRunContainers) return cannotRunContainers;
  if (cannotMakeDebian) return cannotMakeDebian;
  const hasGroups =
    existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/systemd/cgroup.procs');
  return hasGroups ? false : 'systemd needs cgroups v2, or the v1 hierarchy name=systemd';
}

/**
 * A Debian with systemd as its first process, in a privileged container of our own engine, with this repository at
 * `/opt/quai`. Dispose it with `await using`.
 */
export class SystemdMachine implements AsyncDisposable {
  readonly #host: TestDaemon;

  private constructor(host: TestDaemon) {
    this.#host = host;
  }

  /** @param tar from `makeDebianMachineTar()` */
  static async boot(tar: string): Promise<SystemdMachine> {
    const machine = new SystemdMachine(await startDaemon());
    try {
      await machine.#onHost('import', tar, 'debian-machine');
      const isolation = [
        '--privileged',
        '--cgroupns',
        'private',
        '--stop-signal',
        'SIGRTMIN+3',
        '--stop-timeout',
        '60',
      ];
      const mounts = ['--tmpfs', '/run', '--tmpfs', '/tmp', '-v', '/var/lib/quai', '-v', CLONE];
      const names = ['--name', NAME, '--hostname', NAME, '--env', 'container=docker'];
      await machine.#onHost('run', '-d', ...names, ...isolation, ...mounts, 'debian-machine', '/sbin/init');
      await machine.#booted();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a line of shell as root in the machine; a non-zero status is a result. */
  run(line: string, input?: Buffer): Promise<ProgramResult> {
    return this.#host.quai(['exec', '-i', NAME, 'sh', '-c', line], input ? { input } : {});
  }

  /** What it prints. @throws {AssertionError} when its status is not zero. */
  async ok(line: string, input?: Buffer): Promise<string> {
    const { code, stdout, stderr } = await this.run(line, input);
    assert.equal(code, 0, `${line}: status ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Shuts it down as an administrator would, and boots it again. What was in memory is gone. */
  async reboot(): Promise<void> {
    await this.#onHost('restart', NAME);
    await this.#booted();
  }

  async loadBusybox(): Promise<void> {
    await this.ok('quai load', await readFile(await makeBusyboxArchive()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }

  async #booted(): Promise<void> {
    const deadline = Date.now() + BOOT_MS;
    let last = '';
    // Until its first process has made the socket, systemctl cannot ask; after that it waits by itself.
    while (Date.now() < deadline) {
      last = (await this.run('systemctl is-system-running --wait')).stdout.trim();
      if (last === 'running' || last === 'degraded') return;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    const log = await this.#host.quai(['logs', '--tail', '20', NAME]);
    throw new Error(`systemd has not booted: ${last}\n${log.stdout}${log.stderr}`);
  }

  async #onHost(...words: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.#host.quai(words, { timeoutMs: BOOT_MS });
    assert.equal(code, 0, `quai ${words.join(' ')}: ${stdout}${stderr}`);
  }
}
