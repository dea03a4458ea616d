import type { FlagSet } from './command.ts';

/** Flags before the command: `quai --host … ps`. */
export const globalFlags = {
  config: {
    type: 'string',
    help: 'Folder of configuration and credentials (default: $QUAI_CONFIG, $DOCKER_CONFIG, ~/.config/quai)',
  },
  context: { type: 'string', short: 'c', help: 'Not implemented; use --host', hidden: true },
  debug: { type: 'bool', short: 'D', help: 'Show where errors come from' },
  host: {
    type: 'list',
    short: 'H',
    help: 'Engine to talk to: unix:///path/to.sock or tcp://HOST:PORT (default: $QUAI_HOST, $DOCKER_HOST, unix:///run/quai.sock)',
  },
  'log-level': { type: 'string', short: 'l', help: 'Accepted for compatibility', hidden: true },
  tls: { type: 'bool', help: 'Not implemented', hidden: true },
  tlscacert: { type: 'string', help: 'Not implemented', hidden: true },
  tlscert: { type: 'string', help: 'Not implemented', hidden: true },
  tlskey: { type: 'string', help: 'Not implemented', hidden: true },
  tlsverify: { type: 'bool', help: 'Not implemented', hidden: true },
  version: { type: 'bool', short: 'v', help: 'Print version information and quit' },
} as const satisfies FlagSet;
