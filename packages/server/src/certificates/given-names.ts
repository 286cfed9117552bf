import { altNameFindings, type GeneralName, type LeafProfileName } from '@fleetward/pki';

/** Templates such as `dns:${name}.pumps.example`, a kind before the colon. */
export interface AltNameSettings {
  readonly altNames: { readonly device: readonly string[]; readonly operator: readonly string[] };
}

/**
 * The alternative names that the settings give a certificate of this common name, beside those that tell the profiles apart. A DNS name
 * that cannot be one, of a thing `pump:7` say, is left out. Nothing for what has a random common name, or none of its own.
 */
export function givenNames(
  profile: LeafProfileName,
  { commonName, altNames }: AltNameSettings & { readonly commonName: string },
): readonly GeneralName[] {
  return templatesOf(profile, altNames)
    .map((template) => fill(template, commonName))
    .filter((name) => altNameFindings(name)[Symbol.iterator]().next().done);
}

function templatesOf(
  profile: LeafProfileName,
  { device, operator }: AltNameSettings['altNames'],
): readonly string[] {
  if (profile === 'operator') return operator;
  return profile === 'device' || profile === 'tpm-device' ? device : [];
}

function fill(template: string, commonName: string): GeneralName {
  const value = template.slice('dns:'.length); // as long as `uri:`
  if (template.startsWith('dns:'))
    return { kind: 'dns', value: value.replaceAll('${name}', () => commonName) };
  const encoded = encodeURIComponent(commonName.toWellFormed());
  return { kind: 'uri', value: value.replaceAll('${name}', () => encoded) };
}

/** Both lists, each name once: by value, as they are written. */
export function namesOnce(
  names: readonly GeneralName[],
  more: readonly GeneralName[],
): readonly GeneralName[] {
  return [...names, ...more.filter((one) => !names.some((other) => isSameName(one, other)))];
}

export function isSameName(one: GeneralName, other: GeneralName): boolean {
  return 'value' in one && 'value' in other && one.kind === other.kind && one.value === other.value;
}
