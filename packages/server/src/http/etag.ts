/** Whether If-None-Match names this representation, or any (RFC 9110 §13.1.2); `etag` as it stands in its own header. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((item) => [etag, `W/${etag}`, '*'].includes(item.trim()));
}
