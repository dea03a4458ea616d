import { compareVersions } from '#client/api-client';
import { isStatus } from '#client/api-error';
import { textAt, textsAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import type { CreateBody } from './create-body.ts';
import { misplacedOptionNote } from './misplaced-option.ts';

export interface CreateChoice {
  readonly name: string;
  readonly platform: string;
  readonly cidfile: string;
  /** `always`, `missing`, `never`, `newer`; `''` is `missing` */
  readonly pull: string;
  readonly quiet: boolean;
}

/**
 * Creates a container, after pulling its image where that is asked for.
 *
 * @returns its ID.
 */
export async function createContainer(
  context: CliContext,
  body: CreateBody,
  choice: CreateChoice,
): Promise<string> {
  const pull = choice.pull || 'missing';
  if (!['always', 'missing', 'never', 'newer'].includes(pull)) {
    const message = `invalid pull option: '${pull}': must be one of "always", "missing", "never" or "newer"`;
    throw new CliError(message, 125);
  }
  using cidfile = choice.cidfile ? (await import('./cidfile.ts')).openCidfile(choice.cidfile) : undefined;
  if (pull === 'always') await pullNow(context, body, choice);
  if (pull === 'newer') await pullIfNewer(context, body, choice);
  const id = await createOrPull(context, body, choice, pull === 'missing');
  cidfile?.write(id);
  return id;
}

async function createOrPull(
  context: CliContext,
  body: CreateBody,
  choice: CreateChoice,
  mayPull: boolean,
): Promise<string> {
  const query = { name: choice.name || undefined, platform: choice.platform || undefined };
  const wire = await forVersion(context, body);
  const create = async (): Promise<string> => {
    const created = await context.client.call('POST', '/containers/create', { query, body: wire });
    for (const warning of textsAt(created, 'Warnings')) {
      if (!isSaidAlready(warning, body)) context.warn(`WARNING: ${warning}`);
    }
    return textAt(created, 'Id');
  };
  try {
    return await create();
  } catch (error) {
    const isImageMissing = isStatus(error, 404) && /no such image/i.test(error.message);
    if (!isImageMissing || !mayPull) throw error;
    await pullNow(context, body, choice, { saysWhy: true });
    return create();
  }
}

/** The engine warns of options after the image too, for other clients; our own note says it better. */
function isSaidAlready(warning: string, { Image, Cmd }: CreateBody): boolean {
  return (
    warning.includes('stands after the image') &&
    misplacedOptionNote('create', [Image ?? '', Cmd ?? []].flat()) !== undefined
  );
}

/** Pulling is loaded when it is needed: most images are there. */
async function pullNow(
  context: CliContext,
  { Image }: CreateBody,
  choice: CreateChoice,
  { saysWhy = false }: { readonly saysWhy?: boolean } = {},
): Promise<void> {
  const { fullName, pullImage } = await import('../pull-image.ts');
  if (saysWhy && !choice.quiet) context.warn(`Unable to find image '${fullName(Image ?? '')}' locally`);
  await pullImage(context, Image ?? '', choice, context.stderr);
}

/** Takes the registry's image if it is another one; the local image will do when the registry cannot be asked. */
async function pullIfNewer(context: CliContext, body: CreateBody, choice: CreateChoice): Promise<void> {
  try {
    await pullNow(context, body, choice);
  } catch (error) {
    const { explain } = await import('../error-report.ts');
    const local = await context.client
      .call('GET', `/images/${encodeURIComponent(body.Image ?? '')}/json`)
      .catch(() => undefined); // no image either: why it could not be pulled is what matters
    if (local === undefined) throw error;
    context.warn(
      `WARNING: using the image on this machine, a newer one could not be looked for: ${explain(error)}`,
    );
  }
}

/** Since API 1.44 the address of the network card is the endpoint's only, and engines warn about the other place. */
async function forVersion({ client }: CliContext, body: CreateBody): Promise<CreateBody> {
  if (!body.MacAddress || compareVersions(await client.apiVersion(), '1.44') < 0) return body;
  const { MacAddress: _, ...rest } = body;
  return rest;
}
