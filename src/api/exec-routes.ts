import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { Exec, ExecRequest } from '#container/container';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { goBody } from '#spec/docker/fold-keys';
import { querySize } from '#spec/docker/query';
import { ExecCreateRequest, ExecStartRequest } from '#spec/docker/requests';
import type { ApiMinor } from './api-version.ts';
import { runDetached, sessionReply } from './session-reply.ts';

export type ExecApi = Pick<ContainerService, 'createExec' | 'inspectExec' | 'startExec' | 'resizeExec'>;

export function execRoutes(containers: ExecApi): Route[] {
  return [
    route(
      'POST',
      '/containers/{id}/exec',
      { body: goBody(ExecCreateRequest) },
      async ({ params: { id }, body, version }) =>
        reply.created({ Id: await containers.createExec(id, execRequest(body, version)) }),
    ),
    route(
      'POST',
      '/exec/{id}/start',
      { body: goBody(ExecStartRequest), takesOver: true },
      async ({ params: { id }, body, version, signal }) => {
        containers.inspectExec(id); // unknown: an answer, not a session
        const hasConsole = body.ConsoleSize !== undefined && body.Tty && version >= 42;
        const session = await containers.startExec(id, {
          isDetached: body.Detach,
          hasTerminal: body.Tty,
          ...(hasConsole ? { consoleSize: consoleSize(body.ConsoleSize) } : {}),
        });
        if (!body.Detach) return sessionReply(session, version);
        await runDetached(session, { signal });
        return reply.empty();
      },
    ),
    route(
      'POST',
      '/exec/{id}/resize',
      { query: v.object({ h: querySize('height'), w: querySize('width') }) },
      async ({ params: { id }, query }) => {
        await containers.resizeExec(id, { rows: query.h, columns: query.w });
        return reply.empty();
      },
    ),
    route('GET', '/exec/{id}/json', {}, ({ params: { id } }) =>
      reply.json(execToWire(containers.inspectExec(id))),
    ),
  ];
}

function execRequest(body: ExecCreateRequest, version: ApiMinor): ExecRequest {
  if (!body.Cmd || body.Cmd.length === 0) throw new EngineError('invalid', 'No exec command specified');
  return {
    command: body.Cmd,
    env: body.Env,
    workingDir: body.WorkingDir,
    user: body.User,
    isPrivileged: body.Privileged,
    hasTerminal: body.Tty,
    hasStdin: body.AttachStdin,
    hasStdout: body.AttachStdout,
    hasStderr: body.AttachStderr,
    detachKeys: body.DetachKeys,
    ...(body.ConsoleSize && version >= 42 ? { consoleSize: consoleSize(body.ConsoleSize) } : {}),
  };
}

function consoleSize([rows, columns]: readonly [number, number] = [0, 0]) {
  return { rows, columns };
}

/** Engine API `ExecInspectResponse`; `DetachKeys` is bytes in Go, and so base64 here. */
function execToWire(exec: Exec) {
  return {
    ID: exec.id,
    Running: exec.isRunning,
    ExitCode: exec.exitCode ?? null,
    ProcessConfig: {
      tty: exec.hasTerminal,
      entrypoint: exec.entrypoint,
      arguments: exec.args,
      privileged: exec.isPrivileged,
      ...(exec.user === '' ? {} : { user: exec.user }),
    },
    OpenStdin: exec.hasStdin,
    OpenStderr: exec.hasStderr,
    OpenStdout: exec.hasStdout,
    CanRemove: exec.canRemove,
    ContainerID: exec.containerId,
    DetachKeys: Buffer.from(exec.detachKeys).toString('base64'),
    Pid: exec.pid ?? 0,
  };
}
