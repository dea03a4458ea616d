import { invalidSnapshotName, invalidVolumeName, volumeNameTooLong, volumeNameTooShort } from './errors.ts';

/** A file name on Linux: the volume's directory carries the name. */
const LONGEST_NAME = 255;
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** @throws {EngineError} `invalid` with Docker's wording. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) throw volumeNameTooShort(name);
  if (!NAME.test(name)) throw invalidVolumeName(name);
  if (name.length > LONGEST_NAME) throw volumeNameTooLong(name, LONGEST_NAME);
}

/** Those of snapshots are of the same kind. @throws {EngineError} `invalid` */
export function checkSnapshotName(name: string): void {
  if (!NAME.test(name) || name.length > LONGEST_NAME) throw invalidSnapshotName(name, LONGEST_NAME);
}
