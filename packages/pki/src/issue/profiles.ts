import type { KeyUsage } from '../certificate/key-usage.ts';
import type { NameAttribute } from '../names/attributes.ts';
import type { GeneralName } from '../names/general-name.ts';
import { otherOids } from '../oids.ts';
import type { PublicKey } from '../public-key.ts';

export type ProfileName = 'root-ca' | 'issuing-ca' | 'device' | 'server';

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
}

const caSubject = { subjectRequired: ['commonName'], subjectAltName: 'forbidden', altNameKinds: [] } as const;
const anyKey = ['rsa', 'ec', 'ed25519'] as const;

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
  device: {
    selfSigned: false,
    ca: false,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [otherOids.clientAuth],
    validityDaysMax: 366 * 10,
    keyKinds: anyKey,
    subjectRequired: ['commonName'],
    subjectAltName: 'optional',
    altNameKinds: ['dns', 'email', 'uri', 'ip', 'directory'],
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
  },
};
