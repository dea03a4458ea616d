import { parseReference } from '#spec/reference';
import { startImageEngine } from '../../support/image-engine.ts';

/** Pulls an image into an engine's root, saying when it begins; made to be killed. */
const [root = '', reference = ''] = process.argv.slice(2);
const engine = startImageEngine({}, root);
process.stdout.write('begin\n');
await engine.images.pull(parseReference(reference), () => undefined);
process.exit(0);
