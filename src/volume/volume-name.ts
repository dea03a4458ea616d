import { invalidVolumeName, volumeNameTooLong, volumeNameTooShort } from './errors.ts';

/** A file name on Linux: the volume's directory carries the name. */
const LONGEST_NAME = 255;

/** @throws {EngineError} `invalid` with Docker's wording. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) throw volumeNameTooShort(name);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw invalidVolumeName(name);
  if (name.length > LONGEST_NAME) throw volumeNameTooLong(name, LONGEST_NAME);
}
