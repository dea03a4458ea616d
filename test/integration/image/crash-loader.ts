import { createReadStream } from 'node:fs';
import { startImageEngine } from '../../support/image-engine.ts';

/** Loads an archive into an engine's root, saying when it begins; made to be killed. */
const [root = '', archive = ''] = process.argv.slice(2);
const engine = startImageEngine({}, root);
process.stdout.write('begin\n');
await engine.images.load(createReadStream(archive), () => undefined);
process.exit(0);
