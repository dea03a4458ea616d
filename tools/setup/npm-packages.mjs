/**
 * Names of packages that the lock file wants on this platform and that are not there in that version.
 * Both files have npm's lock format; npm writes the second into `node_modules` when it is done. Optional packages may be
 * absent: npm leaves them out where they do not fit, by rules that differ between its versions.
 *
 * @param {{ packages?: Record<string, any> }} wanted
 * @param {{ packages?: Record<string, any> }} present
 * @param {{ platform: string, arch: string }} machine
 * @returns {string[]}
 */
export function missingPackages(wanted, present, { platform, arch }) {
  const missing = [];
  for (const [path, entry] of Object.entries(wanted.packages ?? {})) {
    if (path === '' || !fits(entry.os, platform) || !fits(entry.cpu, arch)) continue;
    const version = present.packages?.[path]?.version;
    const mayBeAbsent = entry.optional && version === undefined;
    if (version !== entry.version && !mayBeAbsent) missing.push(path);
  }
  return missing;
}

/** npm writes one value or a list; `!x` excludes. */
function fits(allowed, value) {
  const list = allowed === undefined ? [] : [allowed].flat();
  if (list.length === 0) return true;
  if (list.includes(`!${value}`)) return false;
  return list.includes(value) || list.every(each => each.startsWith('!'));
}
