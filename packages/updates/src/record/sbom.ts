import { isObject } from '../metadata/envelope.ts';
import { notOne, parseDocument } from './document-json.ts';

/** What is told of an SBOM without opening it. */
export interface SbomSummary {
  /** Of CycloneDX, such as `1.6`. */
  readonly specVersion: string;
  readonly components: number;
}

const what = 'a CycloneDX SBOM in JSON';
const componentsMax = 100_000;

/**
 * Reads a CycloneDX SBOM in JSON (ECMA-424), bounded: that it is one, and how many components it names at its top level. Throws
 * `updates.record_invalid`.
 */
export function parseSbom(bytes: Uint8Array): SbomSummary {
  const { bomFormat, specVersion, components = [] } = parseDocument(bytes, what);
  if (bomFormat !== 'CycloneDX') throw notOne(what, '`bomFormat` must be `CycloneDX`');
  if (typeof specVersion !== 'string' || !/^1\.[2-9]$/.test(specVersion))
    throw notOne(what, '`specVersion` must be 1.2 or newer');
  if (!Array.isArray(components) || components.length > componentsMax)
    throw notOne(what, `\`components\` must be a list of at most ${componentsMax}`);
  if (!components.every((component) => isObject(component) && typeof component.name === 'string'))
    throw notOne(what, 'each component needs a `name`');
  return { specVersion, components: components.length };
}
