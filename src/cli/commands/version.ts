import { NEWEST_API } from '#client/api-client';
import { type Json, type JsonObject, listAt, objectAt, textAt } from '#client/json';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { explain } from '../error-report.ts';
import { objectFormatHelp } from '../format/format-help.ts';
import { compileTemplate } from '../format/go-template.ts';
import { jsonText } from '../format/template-functions.ts';
import { clientBuild, clientVersion } from '../version-line.ts';

export const version = command({
  usage: 'version [OPTIONS]',
  summary: 'Show the version information of client and engine',
  flags: { format: { type: 'string', short: 'f', help: objectFormatHelp } },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const template = flags.format && flags.format !== 'json' ? compileTemplate(flags.format) : undefined;
    const { server, failure } = await askEngine(context);
    const client = await clientFields(context, server);
    if (flags.format === 'json') context.print(jsonText({ Client: client, Server: server ?? null }));
    else if (template)
      context.print(template.render({ Client: goNames(client), Server: server ? goNames(server) : null }));
    else context.print([...clientLines(client), ...(server ? serverLines(server) : [])].join('\n'));
    if (failure === undefined) return 0;
    context.warn(explain(failure));
    return 1;
  },
});

async function askEngine({ client }: CliContext): Promise<{ server?: JsonObject; failure?: unknown }> {
  try {
    return { server: objectAt(await client.call('GET', '/version')) };
  } catch (failure) {
    return { failure };
  }
}

async function clientFields({ client }: CliContext, server: JsonObject | undefined): Promise<JsonObject> {
  return {
    Version: clientVersion(),
    ApiVersion: server ? await client.apiVersion() : NEWEST_API,
    DefaultAPIVersion: NEWEST_API,
    GitCommit: clientBuild(),
    NodeVersion: process.version,
    Os: process.platform,
    Arch: process.arch === 'x64' ? 'amd64' : process.arch,
    Context: 'default',
  };
}

/** Templates use the names of Go's fields, which differ from those in JSON in one place. */
function goNames(fields: JsonObject): JsonObject {
  return { ...fields, APIVersion: fields['ApiVersion'] ?? '' };
}

function clientLines(client: JsonObject): string[] {
  const api = textAt(client, 'ApiVersion');
  const downgraded = api === NEWEST_API ? '' : ` (downgraded from ${NEWEST_API})`;
  return [
    'Client: Quai',
    line(' Version', textAt(client, 'Version')),
    line(' API version', api + downgraded),
    line(' Node version', textAt(client, 'NodeVersion')),
    line(' Git commit', textAt(client, 'GitCommit')),
    line(' OS/Arch', `${textAt(client, 'Os')}/${textAt(client, 'Arch')}`),
  ];
}

function serverLines(server: JsonObject): string[] {
  const platform = textAt(server, 'Platform', 'Name');
  return [
    '',
    `Server:${platform ? ` ${platform}` : ''}`,
    ...listAt(server, 'Components').flatMap(componentLines),
  ];
}

function componentLines(component: Json): string[] {
  const details = objectAt(component, 'Details');
  const detail = (name: string): string => textAt(details, name);
  const head = [` ${textAt(component, 'Name')}:`, line('  Version', textAt(component, 'Version'))];
  if (textAt(component, 'Name') !== 'Engine') {
    return [
      ...head,
      ...Object.keys(details)
        .sort()
        .map(name => line(`  ${name}`, detail(name))),
    ];
  }
  const runtime = ['GoVersion', 'NodeVersion'].filter(name => detail(name));
  return [
    ...head,
    line('  API version', `${detail('ApiVersion')} (minimum version ${detail('MinAPIVersion')})`),
    ...runtime.map(name => line(`  ${name.replace('Version', ' version')}`, detail(name))),
    line('  Git commit', detail('GitCommit')),
    line('  Built', detail('BuildTime')),
    line('  OS/Arch', `${detail('Os')}/${detail('Arch')}`),
    line('  Experimental', detail('Experimental')),
  ];
}

function line(name: string, value: string): string {
  return `${`${name}:`.padEnd(20)}${value}`;
}
