import { Readable } from 'node:stream';
import { EngineError } from '#base/errors';
import type { ContainerFileApi } from './container-file-routes.ts';

const PATH_STAT = { name: 'etc', size: 4096, mode: 0o040755, mtimeMs: 1_767_322_445_000, linkTarget: '' };

/** The files of the container `web`. */
export function fakeContainerFiles(): ContainerFileApi['files'] {
  const check = (reference: string): void => {
    if (reference !== 'web') throw new EngineError('notFound', `No such container: ${reference}`);
  };
  return {
    changes: async reference => {
      check(reference);
      return [
        { path: '/etc', kind: 'modified' },
        { path: '/etc/new', kind: 'added' },
        { path: '/old', kind: 'deleted' },
      ];
    },
    export: reference => {
      check(reference);
      return tar();
    },
    stat: async reference => {
      check(reference);
      return PATH_STAT;
    },
    read: async reference => {
      check(reference);
      return { stat: PATH_STAT, tar: Readable.from(tar()) };
    },
    write: async reference => check(reference),
  };
}

async function* tar(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(1024);
}
