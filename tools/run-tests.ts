import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { say } from './setup/messages.ts';
import { dockerCli, dockerRegistry } from './setup/test-programs.ts';

/**
 * The whole suite in one run of Node's test runner, so that its closing lines count everything: unit tests,
 * then integration and compat tests, one file at a time because they share the kernel. Words given on the
 * command line keep only the test files whose path holds one of them.
 *
 * @returns the exit status of the test runner
 */
export async function runTests(words: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0)
    say('! not root: tests that need it are skipped; `sudo npm test` runs all of them');
  const files = TEST_FILES.flatMap(pattern => globSync(pattern).sort()).filter(
    path => words.length === 0 || words.some(word => path.includes(word)),
  );
  if (files.length === 0) {
    say(`✗ no test file matches ${words.join(' ')}`);
    return 1;
  }
  const docker = dockerCli();
  if (!docker) say('! no docker command line: tests that drive it are skipped');
  const registry = dockerRegistry();
  if (!registry) say('! no registry: tests that pull and push are skipped');
  const args = [
    ...NODE_OPTIONS,
    '--test',
    '--test-concurrency=1',
    '--test-timeout=300000',
    '--test-reporter=spec',
    ...files,
  ];
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(docker ? { QUAI_TEST_DOCKER: docker } : {}),
      ...(registry ? { QUAI_TEST_REGISTRY: registry } : {}),
    },
  });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}

const TEST_FILES = ['src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts', 'test/**/*.test.ts'];
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning'];
