import { isStatus } from '#client/api-error';
import { listAt } from '#client/json';
import { canonicalName, familiarName, type Reference } from '#spec/reference';
import type { CliContext } from './context.ts';
import { authHeader } from './credentials/auth-header.ts';
import { hinted } from './hinted.ts';
import { loginTo, withLoginHint } from './login-hint.ts';

/** A hint is not waited for longer. */
const ASK_MS = 5_000;

/** @throws the error of `work`, with the command that helps where a registry does not have what was asked for. */
export async function withPullHint<T>(
  context: CliContext,
  reference: Reference,
  work: () => Promise<T>,
): Promise<T> {
  return await hinted(
    () => withLoginHint(reference.domain, work),
    message => hintFor(message, reference, context),
  );
}

/** The words are those of our engine, which has them from Docker's. */
async function hintFor(
  message: string,
  reference: Reference,
  context: CliContext,
): Promise<string | undefined> {
  const { domain, tag } = reference;
  if (/^manifest for .* not found/.test(message)) {
    if (tag === undefined) return undefined;
    if (await hasTags(context, reference)) {
      return `The tags that there are: quai search --tags ${familiarName(reference)}`;
    }
    // Registries say so of a repository that they do not have, too.
    return `There is no repository ${familiarName(reference)}, or no access to it: ${loginTo(domain)}${await searchLine(context, reference)}`;
  }
  const isDenied = message.startsWith('pull access denied for ');
  if (!isDenied && !/^repository .* not found/.test(message)) return undefined;
  return `Look for its name: ${searchFor(reference)}${isDenied ? `\nIf it is private: ${loginTo(domain)}` : ''}`;
}

/** False only where the registry says that it has no such repository. */
async function hasTags(context: CliContext, reference: Reference): Promise<boolean> {
  const query = { name: canonicalName(reference) };
  try {
    await context.client.call('GET', '/quai/registry/tags', await request(context, reference, query));
    return true;
  } catch (error) {
    return !(isStatus(error, 404) && /^(repository .* not found|pull access denied)/.test(error.message));
  }
}

/** Only where the search finds something: not every registry can be searched. */
async function searchLine(context: CliContext, reference: Reference): Promise<string> {
  const query = { term: termFor(reference), limit: 1 };
  try {
    const found = await context.client.call(
      'GET',
      '/images/search',
      await request(context, reference, query),
    );
    return listAt(found).length > 0 ? `\nLook for its name: ${searchFor(reference)}` : '';
  } catch {
    return ''; // a hint says what it can
  }
}

async function request(context: CliContext, { domain }: Reference, query: Record<string, string | number>) {
  return { query, headers: await authHeader(context, domain), signal: AbortSignal.timeout(ASK_MS) };
}

function searchFor(reference: Reference): string {
  return `quai search ${termFor(reference)}`;
}

function termFor({ domain, repository }: Reference): string {
  const word = repository.split('/').at(-1) ?? repository;
  return domain === 'docker.io' ? word : `${domain}/${word}`;
}
