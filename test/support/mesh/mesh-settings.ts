import { readFileSync } from 'node:fs';
import * as v from 'valibot';

const Settings = v.object({
  /** this host's address on the link that all hosts share */
  address: v.string(),
  /** address of any host that is in the mesh already; the first host of all has none */
  seed: v.optional(v.string(), ''),
  /** with one, everything between the hosts is encrypted, and who does not know it stays outside */
  secret: v.optional(v.string(), ''),
  /** where the engine calls us */
  socket: v.string(),
  /** where we ask the engine for the names of containers */
  engine: v.string(),
  /** what must outlive this process */
  state: v.string(),
});

export type MeshSettings = v.InferOutput<typeof Settings>;

export const MESH_PORT = 6783;
export const DOMAIN = 'mesh.local';

export function readSettings(path: string): MeshSettings {
  return v.parse(Settings, JSON.parse(readFileSync(path, 'utf8')));
}
