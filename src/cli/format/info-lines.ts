import { at, flagAt, type Json, listAt, numberAt, objectAt, textAt, textsAt } from '#client/json';
import { binarySize } from './human.ts';

/** The engine's part of `info`, in the order and with the names of Docker's. What an engine does not say is left out. */
export function infoLines(info: Json): string[] {
  return [
    ` Containers: ${numberAt(info, 'Containers')}`,
    `  Running: ${numberAt(info, 'ContainersRunning')}`,
    `  Paused: ${numberAt(info, 'ContainersPaused')}`,
    `  Stopped: ${numberAt(info, 'ContainersStopped')}`,
    ` Images: ${numberAt(info, 'Images')}`,
    ...field(info, 'Server Version', 'ServerVersion'),
    ...field(info, 'Storage Driver', 'Driver'),
    ...listAt(info, 'DriverStatus').map(pair => `  ${textsAt(pair).join(': ')}`),
    ...field(info, 'Logging Driver', 'LoggingDriver'),
    ...field(info, 'Cgroup Driver', 'CgroupDriver'),
    ...field(info, 'Cgroup Version', 'CgroupVersion'),
    ...pluginLines(info),
    ...swarmLines(info),
    ` Runtimes: ${Object.keys(objectAt(info, 'Runtimes')).sort().join(' ')}`,
    ...field(info, 'Default Runtime', 'DefaultRuntime'),
    ...field(info, 'Init Binary', 'InitBinary'),
    ...commitLine(info, 'containerd version', 'ContainerdCommit'),
    ...commitLine(info, 'runc version', 'RuncCommit'),
    ...commitLine(info, 'init version', 'InitCommit'),
    ...securityLines(info),
    ...field(info, 'Kernel Version', 'KernelVersion'),
    ...field(info, 'Operating System', 'OperatingSystem'),
    ...field(info, 'OSType', 'OSType'),
    ...field(info, 'Architecture', 'Architecture'),
    ` CPUs: ${numberAt(info, 'NCPU')}`,
    ` Total Memory: ${binarySize(numberAt(info, 'MemTotal'))}`,
    ...field(info, 'Name', 'Name'),
    ...field(info, 'ID', 'ID'),
    ...field(info, 'Docker Root Dir', 'DockerRootDir'),
    ` Debug Mode: ${flagAt(info, 'Debug')}`,
    ...field(info, 'HTTP Proxy', 'HttpProxy'),
    ...field(info, 'HTTPS Proxy', 'HttpsProxy'),
    ...field(info, 'No Proxy', 'NoProxy'),
    ...list(' Labels:', textsAt(info, 'Labels')),
    ` Experimental: ${flagAt(info, 'ExperimentalBuild')}`,
    ...list(' Insecure Registries:', textsAt(info, 'RegistryConfig', 'InsecureRegistryCIDRs')),
    ...list(' Registry Mirrors:', textsAt(info, 'RegistryConfig', 'Mirrors')),
    ` Live Restore Enabled: ${flagAt(info, 'LiveRestoreEnabled')}`,
    ...field(info, 'Product License', 'ProductLicense'),
    ...poolLines(info),
  ];
}

function field(info: Json, label: string, name: string): string[] {
  const value = textAt(info, name);
  return value ? [` ${label}: ${value}`] : [];
}

function list(head: string, items: readonly string[]): string[] {
  return items.length > 0 ? [head, ...items.map(item => `  ${item}`)] : [];
}

function pluginLines(info: Json): string[] {
  const plugins = ['Volume', 'Network', 'Authorization', 'Log']
    .map(name => [name, textsAt(info, 'Plugins', name)] as const)
    .filter(([, drivers]) => drivers.length > 0);
  return plugins.length > 0
    ? [' Plugins:', ...plugins.map(([name, drivers]) => `  ${name}: ${drivers.join(' ')}`)]
    : [];
}

function swarmLines(info: Json): string[] {
  const state = textAt(info, 'Swarm', 'LocalNodeState');
  return state ? [` Swarm: ${state}`] : [];
}

function commitLine(info: Json, label: string, name: string): string[] {
  return at(info, name) === undefined ? [] : [` ${label}: ${textAt(info, name, 'ID')}`];
}

/** `name=seccomp,profile=builtin` is a heading and a line below it. */
function securityLines(info: Json): string[] {
  const options = textsAt(info, 'SecurityOptions').flatMap(option => {
    const pairs = option.split(',').map(pair => pair.split('='));
    return pairs.map(([key = '', value = '']) =>
      key === 'name' ? `  ${value}` : `   ${capital(key)}: ${value}`,
    );
  });
  return options.length > 0 ? [' Security Options:', ...options] : [];
}

function poolLines(info: Json): string[] {
  const pools = listAt(info, 'DefaultAddressPools').map(
    pool => `   Base: ${textAt(pool, 'Base')}, Size: ${numberAt(pool, 'Size')}`,
  );
  return pools.length > 0 ? [' Default Address Pools:', ...pools] : [];
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
