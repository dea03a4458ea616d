import { EngineError } from '#base/errors';
import { isLinkName } from './instance-names.ts';

/** A kernel parameter of a container's interface, below `/proc/sys/net`. */
export interface InterfaceSysctl {
  readonly protocol: 'ipv4' | 'ipv6' | 'mpls';
  readonly kind: 'conf' | 'neigh';
  readonly parameter: string;
  readonly value: string;
}

/** Docker's options of an endpoint (`--network name=x,driver-opt=…`). */
export interface EndpointOptions {
  readonly interfaceName?: string;
  readonly sysctls: readonly InterfaceSysctl[];
}

const IFNAME = 'com.docker.network.endpoint.ifname';
const SYSCTLS = 'com.docker.network.endpoint.sysctls';
const SYSCTLS_MAX = 64;
/** Docker's command line makes small letters of what `--network` is given. */
const SYSCTL =
  /^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.(?:IFNAME|ifname)\.([a-z0-9_]{1,64})=([\x20-\x7e]{1,128})$/;

/** Unknown options are kept and ignored. @throws `invalid` */
export function parseEndpointOptions(options: Readonly<Record<string, string>>): EndpointOptions {
  const interfaceName = options[IFNAME];
  if (interfaceName !== undefined && (!isLinkName(interfaceName) || interfaceName === 'lo')) {
    throw new EngineError(
      'invalid',
      `invalid interface name ${JSON.stringify(interfaceName)} in ${IFNAME}: at most 15 letters, digits, "_", "." and "-"`,
    );
  }
  const texts = (options[SYSCTLS] ?? '').split(',').filter(text => text !== '');
  if (texts.length > SYSCTLS_MAX) {
    throw new EngineError('invalid', `${SYSCTLS} holds ${texts.length} settings, limit is ${SYSCTLS_MAX}`);
  }
  return { ...(interfaceName !== undefined && { interfaceName }), sysctls: texts.map(parseSysctl) };
}

function parseSysctl(text: string): InterfaceSysctl {
  const [, protocol, kind, parameter, value] = SYSCTL.exec(text) ?? [];
  if (protocol === undefined || parameter === undefined || value === undefined) {
    throw new EngineError(
      'invalid',
      `unrecognised network interface sysctl ${JSON.stringify(text.slice(0, 200))} in ${SYSCTLS}: write net.ipv4.conf.IFNAME.log_martians=1, with the word IFNAME`,
    );
  }
  return {
    protocol: protocol === 'ipv4' || protocol === 'ipv6' ? protocol : 'mpls',
    kind: kind === 'neigh' ? 'neigh' : 'conf',
    parameter,
    value,
  };
}
