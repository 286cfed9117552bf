import { formatLimits } from '../limits.ts';

/** Whether a target path is relative and cannot leave its folder, as a path or in a URL. */
export function isTargetPath(path: string): boolean {
  if (path.length < 1 || path.length > formatLimits.pathCharactersMax || !path.isWellFormed()) return false;
  if (/[\\\u0000-\u001f\u007f]/.test(path)) return false;
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** Where a repository with consistent snapshots keeps a target: `targets/DIR/SHA256.NAME`, URL-encoded (TUF 6.2). */
export function targetFilePath({ path, sha256 }: { readonly path: string; readonly sha256: string }): string {
  const segments = path.split('/').map(encodeURIComponent);
  const name = segments.pop() ?? '';
  return ['targets', ...segments, `${sha256}.${name}`].join('/');
}

/** Where a repository keeps a versioned metadata file: `metadata/VERSION.ROLE.json` (TUF 6.2). */
export function metadataFilePath(role: string, version: number): string {
  return `metadata/${version}.${encodeURIComponent(role)}.json`;
}

/** The one file whose name never carries a version. */
export const timestampFilePath = 'metadata/timestamp.json';
