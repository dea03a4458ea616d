import { type BuiltImage, QUAI } from './build-image.ts';
import { run } from './programs.ts';

/** Pushes an image under all its tags. */
export async function pushImage(
  { folder, tags }: BuiltImage,
  target: string,
  say: (text: string) => void,
): Promise<void> {
  const repository = `${target.replace(/\/+$/, '')}/${folder.name}`;
  for (const tag of tags) {
    await run(QUAI, ['tag', `${folder.name}:latest`, `${repository}:${tag}`]);
    await run(QUAI, ['push', '-q', `${repository}:${tag}`]);
    say(`${folder.name}: pushed ${repository}:${tag}`);
  }
}
