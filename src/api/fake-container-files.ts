import { EngineError } from '#base/errors';
import type { ContainerFileApi } from './container-file-routes.ts';

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
  };
}

async function* tar(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(1024);
}
