/**
 * Loads unit tests into this one process, as `--test-isolation=none` does: a process for each of hundreds of files takes
 * longer than their tests. The runner names the files in `QUAI_TEST_UNITS`, separated by line ends.
 */
for (const file of (process.env['QUAI_TEST_UNITS'] ?? '').split('\n').filter(Boolean))
  await import(new URL(`../${file}`, import.meta.url).href);
