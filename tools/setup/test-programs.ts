import { findProgram } from './debian-packages.ts';
import { unpackedProgram } from './unpacked-packages.ts';

/** A Docker command line to test against: the one on the PATH, or Debian's. `undefined` when there is none to be had. */
export function dockerCli(): string | undefined {
  return (
    findProgram('docker') ??
    unpackedProgram({
      name: 'docker-cli',
      packages: ['docker-cli', 'docker.io'],
      path: '/usr/bin/docker',
      why: 'the command line for the compat tests',
    })
  );
}

/** A registry to test against. */
export function dockerRegistry(): string | undefined {
  return (
    findProgram('docker-registry') ??
    unpackedProgram({
      name: 'docker-registry',
      packages: ['docker-registry'],
      path: '/usr/bin/docker-registry',
      why: 'a registry for the tests',
    })
  );
}
