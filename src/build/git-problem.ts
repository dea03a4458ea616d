import { EngineError } from '#base/errors';
import { type GitAddress, shownAddress } from '#spec/dockerfile/git-address';

/** What git's complaint means for who asked; versions 2.30 to 2.50 word it so. */
export function gitProblem(address: GitAddress, complaint: string): EngineError {
  const place = shownAddress(address.remote);
  const last = lastLine(complaint);
  if (isMissingRef(complaint)) {
    const wanted = address.ref ?? 'HEAD';
    return new EngineError('invalid', `${place} has no branch, tag or commit "${wanted}": ${last}`);
  }
  if (
    /could not read (?:Username|Password)|Authentication failed|terminal prompts disabled|returned error: 40[13]/.test(
      complaint,
    )
  ) {
    const hint =
      'it does not exist, or wants credentials, which an address can have: https://user:token@host/path.git';
    return new EngineError('invalid', `cannot read ${place}: ${hint}`);
  }
  if (/not found|does not exist|repository not exported|access denied/i.test(complaint))
    return new EngineError('invalid', `there is no git repository at ${place}: ${last}`);
  if (
    /Could not resolve host|unable to look up|Failed to connect|unable to connect|Connection refused|timed out|too slow|early EOF/i.test(
      complaint,
    )
  )
    return new EngineError('unavailable', `cannot reach ${place}: ${last}`);
  return new EngineError('invalid', `cannot fetch ${place}: ${last}`);
}

/** Whether another way to ask may find what this one did not. */
export function mayBeFoundOtherwise(complaint: string): boolean {
  return (
    isMissingRef(complaint) || /shallow|unadvertised object|not our ref|upload-pack: not our/.test(complaint)
  );
}

function isMissingRef(complaint: string): boolean {
  return /couldn't find remote ref|not our ref|unadvertised object|pathspec|unknown revision|bad revision|Needed a single revision|invalid reference|reference is not a tree|does not take a path argument/i.test(
    complaint,
  );
}

function lastLine(complaint: string): string {
  const lines = complaint.split('\n').map(line => line.trim());
  const telling =
    lines.findLast(line => /^(?:fatal|error):/.test(line)) ?? lines.findLast(line => line !== '');
  return (telling ?? 'git said nothing').replace(/^(?:fatal|error): /, '').slice(0, 500);
}
