import { type BodyLimits, invalid, readObject } from './read-object.ts';

/** What a device was given by other ways: a product and its version. */
export interface InstalledBase {
  readonly name: string;
  readonly version: string;
}

/** The body of `PUT installedBase`. Throws `ddi.invalid`. */
export function parseInstalledBase(body: Uint8Array, limits: BodyLimits): InstalledBase {
  const { name, version } = readObject(body, limits);
  return { name: wordOf(name, 'name'), version: wordOf(version, 'version') };
}

/** As releases name it. */
function wordOf(value: unknown, name: string): string {
  if (typeof value === 'string' && /^[a-zA-Z0-9._+:-]{1,128}$/.test(value)) return value;
  throw invalid(`\`${name}\` is not 1 to 128 of a-z A-Z 0-9 . _ + : -`);
}
