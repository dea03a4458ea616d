import type { OwnedFd } from './descriptors.ts';
import { openMount } from './mount-context.ts';

/**
 * While it is on, moving a process into another control group waits for nobody. Without it each move that comes after a
 * pause waits for a grace period of RCU, 8 to 20 ms, on every start of a container and of an exec.
 *
 * The kernel's switch for that, the option `favordynmods` (Linux 6.0, cgroups(7)), belongs to a mount but works for the whole host.
 * So that it ends with us, however we end, it is given to a hierarchy of our own: without controllers, mounted nowhere, held by
 * a descriptor. Engines share it, by its name. Other programs see it as the line `name=quai` in `/proc/<pid>/cgroup`.
 */
export class FavoredCgroupMoves implements Disposable {
  #hierarchy: OwnedFd | undefined;

  /**
   * Takes some 15 ms for the first engine of a host.
   *
   * @throws {SysError} where the kernel cannot do it: then moves wait as everywhere.
   */
  begin(): void {
    this.#hierarchy ??= openMount({
      type: 'cgroup',
      source: 'quai',
      flags: 0,
      data: ['none', 'name=quai', 'favordynmods'],
    });
  }

  [Symbol.dispose](): void {
    this.#hierarchy?.[Symbol.dispose]();
    this.#hierarchy = undefined;
  }
}
