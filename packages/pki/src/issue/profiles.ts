import type { KeyUsage } from '../certificate/key-usage.ts';
import type { NameAttribute } from '../names/attributes.ts';
import type { GeneralName } from '../names/general-name.ts';
import { otherOids } from '../oids.ts';
import type { PublicKey } from '../public-key.ts';

/** What an issuing CA signs certificates for. */
export const leafProfileNames = [
  'device',
  'provisioned',
  'tpm-device',
  'claim',
  'operator',
  'server',
] as const;

export type LeafProfileName = (typeof leafProfileNames)[number];
export type ProfileName = 'root-ca' | 'cross-ca' | 'issuing-ca' | LeafProfileName;

/** What a certificate of one kind looks like: the builder fills it in, the linter holds the result to it. */
export interface Profile {
  readonly selfSigned: boolean;
  readonly ca: boolean;
  /** Only for a CA; nothing means no limit. */
  readonly pathLen?: number;
  readonly keyUsage: readonly KeyUsage[];
  /** Dotted object identifiers. */
  readonly extendedKeyUsage: readonly string[];
  readonly validityDaysMax: number;
  readonly keyKinds: readonly PublicKey['kind'][];
  readonly subjectRequired: readonly NameAttribute[];
  readonly subjectAltName: 'required' | 'optional' | 'forbidden';
  readonly altNameKinds: readonly GeneralName['kind'][];
  /** URIs that each certificate has among its alternative names; `${name}` is its common name. They tell the profiles apart. */
  readonly uriTemplates: readonly string[];
}

const anyKey = ['rsa', 'ec', 'ed25519', 'ml-dsa'] as const;
const caSubject = {
  subjectRequired: ['commonName'],
  subjectAltName: 'forbidden',
  altNameKinds: [],
  uriTemplates: [],
} as const;
const client = {
  selfSigned: false,
  ca: false,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: [otherOids.clientAuth],
  keyKinds: anyKey,
  subjectRequired: ['commonName'],
  subjectAltName: 'required',
} as const;
const thing = {
  ...client,
  validityDaysMax: 366 * 10,
  altNameKinds: ['dns', 'email', 'uri', 'ip', 'directory'],
} as const;

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  'root-ca': {
    ...caSubject,
    selfSigned: true,
    ca: true,
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    validityDaysMax: 366 * 30,
    keyKinds: anyKey,
  },
  /** A root's key under another root, so that who trusts one of them only finds a chain through it (RFC 4949: cross-certificate). */
  'cross-ca': {
    ...caSubject,
    selfSigned: false,
    ca: true,
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    validityDaysMax: 366 * 30,
    keyKinds: anyKey,
  },
  'issuing-ca': {
    ...caSubject,
    selfSigned: false,
    ca: true,
    pathLen: 0,
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    validityDaysMax: 366 * 15,
    keyKinds: anyKey,
  },
  device: { ...thing, uriTemplates: ['urn:fleetward:thing:${name}'] },
  // Given out before anybody knows which thing it will speak for: the registry alone says that.
  provisioned: { ...thing, uriTemplates: ['urn:fleetward:provisioned:${name}'] },
  // Its key cannot leave the TPM it was made in: whoever asks for this profile has seen the proof. No TPM 2.0 makes Ed25519 or ML-DSA keys.
  'tpm-device': {
    ...thing,
    keyKinds: ['rsa', 'ec'],
    uriTemplates: ['urn:fleetward:thing:${name}', 'urn:fleetward:key:tpm'],
  },
  // Shared by devices that have none of their own yet; good for provisioning and nothing else.
  claim: {
    ...client,
    validityDaysMax: 366 * 10,
    altNameKinds: ['uri'],
    uriTemplates: ['urn:fleetward:claim:${name}'],
  },
  operator: {
    ...client,
    validityDaysMax: 366,
    altNameKinds: ['uri', 'email'],
    uriTemplates: ['urn:fleetward:operator:${name}'],
  },
  server: {
    selfSigned: false,
    ca: false,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [otherOids.serverAuth],
    validityDaysMax: 825,
    keyKinds: anyKey,
    subjectRequired: ['commonName'],
    subjectAltName: 'required',
    altNameKinds: ['dns', 'ip'],
    uriTemplates: [],
  },
};

/** Whether a name is of the kind that the templates give, which nothing else that is issued has. */
export function isProfileUri(name: GeneralName): name is GeneralName & { readonly kind: 'uri' } {
  return name.kind === 'uri' && name.value.toLowerCase().startsWith('urn:fleetward:');
}

/** The URIs that a certificate of this profile and common name must have. */
export function profileUris({ uriTemplates }: Profile, commonName: string): readonly string[] {
  const name = encodeURIComponent(commonName.toWellFormed()).replaceAll('%3A', ':');
  return uriTemplates.map((template) => template.replace('${name}', () => name));
}
