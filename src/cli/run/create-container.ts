import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { compareVersions } from '#client/api-client';
import { isStatus } from '#client/api-error';
import { textAt, textsAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { parseImageName } from '../image-name.ts';
import { pullImage } from '../pull-image.ts';
import type { CreateBody } from './create-request.ts';

export interface CreateChoice {
  readonly name: string;
  readonly platform: string;
  readonly cidfile: string;
  /** `always`, `missing`, `never`; `''` is `missing` */
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
  if (!['always', 'missing', 'never'].includes(pull)) {
    throw new CliError(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`, 125);
  }
  using cidfile = openCidfile(choice.cidfile);
  const image = body.Image ?? '';
  if (pull === 'always') await pullImage(context, image, choice);
  const id = await createOrPull(context, body, choice, pull === 'missing');
  cidfile.write(id);
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
    for (const warning of textsAt(created, 'Warnings')) context.warn(`WARNING: ${warning}`);
    return textAt(created, 'Id');
  };
  try {
    return await create();
  } catch (error) {
    const isImageMissing = isStatus(error, 404) && /no such image/i.test(error.message);
    if (!isImageMissing || !mayPull) throw error;
    const { repository, tag, digest } = parseImageName(body.Image ?? '');
    const shown = digest ? `${repository}@${digest}` : `${repository}:${tag || 'latest'}`;
    context.warn(`Unable to find image '${shown}' locally`);
    await pullImage(context, body.Image ?? '', choice);
    return create();
  }
}

/** Since API 1.44 the address of the network card is the endpoint's only, and engines warn about the other place. */
async function forVersion({ client }: CliContext, body: CreateBody): Promise<CreateBody> {
  if (!body.MacAddress || compareVersions(await client.apiVersion(), '1.44') < 0) return body;
  const { MacAddress: _, ...rest } = body;
  return rest;
}

interface Cidfile extends Disposable {
  write(id: string): void;
}

/** Refuses a file that exists before anything is created; an unused one is removed again. */
function openCidfile(path: string): Cidfile {
  if (!path) return { write: () => undefined, [Symbol.dispose]: () => undefined };
  if (existsSync(path)) {
    const advice = `make sure the other container isn't running or delete ${path}`;
    throw new CliError(`container ID file found, ${advice}`, 125);
  }
  writeFileSync(path, '', { flag: 'wx' });
  let isWritten = false;
  return {
    write: id => {
      writeFileSync(path, id);
      isWritten = true;
    },
    [Symbol.dispose]: () => {
      if (!isWritten) rmSync(path, { force: true });
    },
  };
}
