import { repairHybridCgroups } from './cgroup-repair.ts';
import { DEBIAN_PACKAGES } from './debian-packages.ts';
import { installPackages } from './install-packages.ts';
import { complain, SetupError, say } from './messages.ts';

// A reader such as `head` may have read enough: what was begun goes on.
process.stdout.on('error', () => {});

const [mode = 'setup', ...rest] = process.argv.slice(2);
try {
  process.exitCode = await run(mode, rest);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  complain(error);
  process.exitCode = 1;
}

async function run(mode: string, args: readonly string[]): Promise<number> {
  switch (mode) {
    case 'check':
      return check();
    case 'start': {
      setUp({ isForTests: false });
      const { start } = await import('../start/start.ts');
      return start();
    }
    case 'test': {
      setUp({ isForTests: true });
      const { runTests } = await import('../run-tests.ts');
      return runTests(args);
    }
    default: {
      setUp({ isForTests: false });
      const status = await check();
      if (status === 0) say('Set up. Go on with `sudo npm start`.');
      return status;
    }
  }
}

function setUp({ isForTests }: { readonly isForTests: boolean }): void {
  installPackages(DEBIAN_PACKAGES.filter(each => (isForTests || !each.isForTests) && !each.isThere()));
  repairHybridCgroups();
}

async function check(): Promise<number> {
  const { checkHost } = await import('#daemon/check/check-host');
  return checkHost(say);
}
