import { parseStatus } from '../src/installer/status.ts';

export const seeds: readonly Uint8Array[] = [
  '{"running":"1.0.0"}',
  '{"running":null,"slots":{"a":[1]}}\n',
].map((text) => Buffer.from(text));

/** Whatever an installer prints, it is a status or said to be none; a version is one that a release can have. */
export function fuzz(input: Uint8Array): void {
  const status = parseStatus(input);
  if (status.kind === 'known' && status.running !== undefined && !/^[\w.+:-]{1,128}$/.test(status.running))
    throw new Error(`taken for a version: ${status.running}`);
}
