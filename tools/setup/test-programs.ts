import { globSync } from 'node:fs';
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

const SAMBA_COMPANIONS =
  'samba-libs samba-common samba-common-bin libldb2 liblmdb0 libtalloc2 libtdb1 libtevent0 libpopt0 libwbclient0'.split(
    ' ',
  );

/** An SMB server to test against, with where its libraries are; it is started by tests alone. */
export function sambaServer():
  | { readonly smbd: string; readonly smbpasswd: string; readonly libraries: string }
  | undefined {
  const smbd = unpackedProgram({
    name: 'samba',
    packages: ['samba'],
    companions: SAMBA_COMPANIONS,
    path: '/usr/sbin/smbd',
    why: 'an SMB server for the tests',
  });
  if (smbd === undefined) return undefined;
  const root = smbd.slice(0, -'/usr/sbin/smbd'.length);
  const folders = globSync(`${root}/usr/lib/*-linux-gnu`);
  return {
    smbd,
    smbpasswd: `${root}/usr/bin/smbpasswd`,
    libraries: folders.flatMap(folder => [folder, `${folder}/samba`]).join(':'),
  };
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
