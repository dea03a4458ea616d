import type { EndpointRecord } from './endpoint-table.ts';
import type { PortConflict } from './port-book.ts';

/** A port that could not be had, with the endpoint that wanted it. */
export class PortRefused extends Error {
  override readonly name = 'PortRefused';
  readonly conflict: PortConflict;
  readonly endpoint: EndpointRecord;

  constructor(conflict: PortConflict, endpoint: EndpointRecord) {
    super(conflict.message, { cause: conflict });
    this.conflict = conflict;
    this.endpoint = endpoint;
  }
}
