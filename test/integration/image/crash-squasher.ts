import { startImageEngine } from '../../support/image-engine.ts';

/** Squashes an image of an engine's root, saying how far it is; made to be killed. */
const [root = '', reference = '', tag = ''] = process.argv.slice(2);
const engine = startImageEngine({}, root);
let state = '';
await engine.images.squash(reference, {
  tag,
  onProgress: progress => {
    if (progress.state !== state) process.stdout.write(`${progress.state}\n`);
    state = progress.state;
  },
});
process.exit(0);
