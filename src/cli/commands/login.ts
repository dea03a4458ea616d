import { text } from 'node:stream/consumers';
import { plainLines } from '#base/plain-text';
import { isStatus } from '#client/api-error';
import { textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command, type Invocation } from '../command.ts';
import type { CliContext } from '../context.ts';
import { authConfig } from '../credentials/auth-header.ts';
import type { Credential } from '../credentials/credential.ts';
import { findCredential } from '../credentials/credential-finder.ts';
import { keepCredential } from '../credentials/credential-keeper.ts';
import { HUB_SERVER, serverOf } from '../credentials/registry-server.ts';
import { explain } from '../error-report.ts';
import { askHidden, askLine } from '../terminal/prompt.ts';

const flags = {
  password: { type: 'string', short: 'p', help: 'Password or Personal Access Token (PAT)' },
  'password-stdin': { type: 'bool', help: 'Take the Password or Personal Access Token (PAT) from stdin' },
  username: { type: 'string', short: 'u', help: 'Username' },
} as const;

type LoginFlags = Invocation<typeof flags>['flags'];

export const login = command({
  usage: 'login [OPTIONS] [SERVER]',
  summary: 'Authenticate to a registry; Docker Hub if no server is specified',
  flags,
  args: { min: 0, max: 1 },
  async run(context, { flags: { username, password, ...rest }, given, args: [address = ''] }) {
    checkTogether(context, given, rest);
    const server = serverOf(address);
    const secret = rest['password-stdin'] ? await secretFrom(context) : password;
    if (!username && !secret && (await loginAgain(context, server))) return 0;
    const credential = await askForRest(context, server, { username, password: secret });
    await loginWith(context, server, credential);
    return 0;
  },
});

function checkTogether(
  { warn }: CliContext,
  given: ReadonlySet<string>,
  rest: Pick<LoginFlags, 'password-stdin'>,
): void {
  if (given.has('password')) {
    if (rest['password-stdin']) {
      throw new CliError('conflicting options: cannot specify both --password and --password-stdin');
    }
    warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
  }
  if (rest['password-stdin'] && !given.has('username')) {
    throw new CliError('the --password-stdin option requires --username to be set');
  }
}

async function secretFrom({ stdin }: CliContext): Promise<string> {
  return (await text(stdin)).replace(/\r?\n$/, '');
}

/** With what is kept already. @returns whether that was enough. */
async function loginAgain(context: CliContext, server: string): Promise<boolean> {
  const known = await findCredential(context, server);
  if (!known) return false;
  const user = known.username ? ` [Username: ${known.username}]` : '';
  context.print(`Authenticating with existing credentials...${user}`);
  try {
    await loginWith(context, server, known);
    return true;
  } catch (error) {
    if (!isStatus(error, 401)) throw error;
    context.warn(`Login did not succeed, error: ${explain(error)}`);
    return false;
  }
}

async function askForRest(
  context: CliContext,
  server: string,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<Credential> {
  if (username && password) return { username, password };
  if (!context.stdin.isTTY) {
    throw new CliError(
      'Error: Cannot perform an interactive login from a non TTY device\nGive both instead: quai login -u NAME --password-stdin < FILE',
    );
  }
  if (!username && server === HUB_SERVER) context.print('Log in with your Docker ID or email address.');
  const name = username || (await askLine(context, 'Username: '));
  if (!name) throw new CliError('Error: Non-null Username Required');
  const secret = password || (await askHidden(context, 'Password: '));
  if (!secret) throw new CliError('Error: Password Required');
  return { username: name, password: secret };
}

/** The engine asks the registry; what it answered with is kept. @throws {ApiError} 401 when the registry does not know them. */
async function loginWith(context: CliContext, server: string, credential: Credential): Promise<void> {
  const answer = await context.client.call('POST', '/auth', { body: authConfig(server, credential) });
  const token = textAt(answer, 'IdentityToken');
  await keepCredential(
    context,
    server,
    token ? { username: credential.username, identityToken: token } : credential,
  );
  const status = textAt(answer, 'Status');
  if (status) context.print(plainLines(status));
}
