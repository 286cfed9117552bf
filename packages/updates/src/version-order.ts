/**
 * Compares two versions as SemVer 2.0 §11 does, with any number of numeric parts (missing ones are 0): negative when `a`
 * is older, `undefined` when one is not of that form. Build metadata after `+` does not count.
 */
export function compareVersions(a: string, b: string): number | undefined {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) return undefined;
  return (
    compareLists(left.numbers, right.numbers, 0) || comparePreReleases(left.preRelease, right.preRelease)
  );
}

/** Whether a device can tell which of two such versions is newer. */
export function isVersion(version: string): boolean {
  return parseVersion(version) !== undefined;
}

type Part = number | string;

function parseVersion(text: string) {
  const match = /^v?(\d{1,15}(?:\.\d{1,15}){0,7})(?:-([a-zA-Z0-9.-]{1,64}))?(?:\+.*)?$/.exec(text);
  if (match === null) return undefined;
  const preRelease = match[2]
    ?.split('.')
    .map((part): Part => (/^\d{1,15}$/.test(part) ? Number(part) : part));
  return { numbers: (match[1] ?? '').split('.').map(Number), preRelease };
}

/** A pre-release comes before its release. */
function comparePreReleases(a: readonly Part[] | undefined, b: readonly Part[] | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return compareLists(a, b, undefined);
}

function compareLists(a: readonly Part[], b: readonly Part[], missing: Part | undefined): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = compareParts(a[at] ?? missing, b[at] ?? missing);
    if (order !== 0) return order;
  }
  return 0;
}

/** Nothing before numbers before words. */
function compareParts(a: Part | undefined, b: Part | undefined): number {
  const rank = (part: Part | undefined) => (part === undefined ? 0 : typeof part === 'number' ? 1 : 2);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (a === undefined || b === undefined || a === b) return 0;
  return a < b ? -1 : 1;
}
