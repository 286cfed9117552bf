/** The path of the release that a target at this path serves, as its index of chunks or as a patch that leads to it. */
export function pathOfRelease(path: string): string | undefined {
  return /^(.+)\.(?:chunks|[0-9a-f]{64}\.patch)$/s.exec(path)?.[1];
}
