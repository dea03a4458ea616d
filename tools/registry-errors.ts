import { writeFileSync } from 'node:fs';
import { errorDocumentation } from '#registry/error-documentation';

/** Writes `docs/registry-errors.md`. */
writeFileSync(new URL('../docs/registry-errors.md', import.meta.url), errorDocumentation());
