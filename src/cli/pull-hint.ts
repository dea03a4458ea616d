import { familiarName, type Reference } from '#spec/reference';
import { hinted } from './hinted.ts';
import { loginTo, withLoginHint } from './login-hint.ts';

/** @throws the error of `work`, with the command that helps where a registry does not have what was asked for. */
export async function withPullHint<T>(reference: Reference, work: () => Promise<T>): Promise<T> {
  return await hinted(
    () => withLoginHint(reference.domain, work),
    message => hintFor(message, reference),
  );
}

/** The words are those of our engine, which has them from Docker's. */
function hintFor(message: string, reference: Reference): string | undefined {
  const { domain, repository, tag } = reference;
  if (/^manifest for .* not found/.test(message)) {
    return tag === undefined
      ? undefined
      : `The tags that there are: quai search --tags ${familiarName(reference)}`;
  }
  const isDenied = message.startsWith('pull access denied for ');
  if (!isDenied && !/^repository .* not found/.test(message)) return undefined;
  const word = repository.split('/').at(-1) ?? repository;
  const search = `quai search ${domain === 'docker.io' ? word : `${domain}/${word}`}`;
  return `Look for its name: ${search}${isDenied ? `\nIf it is private: ${loginTo(domain)}` : ''}`;
}
