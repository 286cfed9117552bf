import { type PolicyName, parseThingName, type ThingName } from '@fleetward/core';
import {
  altNameFindings,
  type Csr,
  checkCsrAside,
  type GeneralName,
  isProfileUri,
  type KeyRules,
  type LeafProfileName,
  profiles,
} from '@fleetward/pki';
import { isSameName, publicKeyHash, speaksForThings } from '../certificates/index.ts';
import { type Refusal, refuse } from './refusal.ts';
import { commonNameMax, excessOf, readCsr, thingNameFlaw } from './rules.ts';

/** A certificate that an operator wants for a key. */
export interface OperatorRequest {
  readonly csrDer: Uint8Array;
  /** The CSR's common name if not given. */
  readonly name?: string;
  readonly profile: LeafProfileName;
  readonly policyNames: readonly PolicyName[];
  readonly validityDays?: number;
  /** Beside those of the profile. */
  readonly altNames: readonly GeneralName[];
}

/** A request that is in order by itself. */
export interface JudgedRequest extends Omit<OperatorRequest, 'csrDer' | 'name'> {
  readonly kind: 'accepted';
  readonly name: string;
  /** Of a device. */
  readonly thingName?: ThingName;
  readonly publicKey: Csr['publicKey'];
  readonly keyHash: string;
}

// ASCII, so that no name looks like another; X.520 has common names of at most 64 characters.
const plainName = /^[a-zA-Z0-9](?:[a-zA-Z0-9 .:@_-]{0,62}[a-zA-Z0-9])?$/;

/** What the platform holds every request to, and gives by itself. */
export interface RequestRules {
  readonly keyRules: KeyRules;
  /** The alternative names that a certificate gets whether it is asked for them or not. */
  readonly givenNames: (profile: LeafProfileName, commonName: string) => readonly GeneralName[];
}

/** Holds a request to the key rules, its own signature, its profile and the names there can be. */
export async function judgeRequest(
  request: OperatorRequest,
  { keyRules, givenNames }: RequestRules,
): Promise<JudgedRequest | Refusal> {
  const csr = readCsr(request.csrDer);
  if ('kind' in csr) return csr;
  const verdict = await checkCsrAside(csr, keyRules);
  if (verdict.kind === 'refused')
    return refuse(verdict.code === 'weak_key' ? 'key_refused' : 'csr_signature', verdict.reason);
  const name = nameOf(csr, request);
  if (typeof name !== 'string') return name;
  const excess =
    excessOf(csr.requestedExtensions, request.profile) ??
    excessOfRequest(csr, { ...request, givenNames: givenNames(request.profile, name) });
  if (excess !== undefined) return refuse('csr_asks_too_much', `this asks for ${excess}`);
  const { publicKey } = csr;
  const { csrDer: _csrDer, ...wanted } = request;
  const thing = speaksForThings(request.profile) ? { thingName: parseThingName(name) } : {};
  return { ...wanted, ...thing, kind: 'accepted', name, publicKey, keyHash: publicKeyHash(publicKey) };
}

function nameOf(csr: Csr, { name: wanted, profile }: OperatorRequest): string | Refusal {
  const [own, ...others] = csr.subject.attributes.commonName ?? [];
  if (others.length > 0) return refuse('name_invalid', "the CSR's subject has more than one common name");
  const name = wanted ?? own;
  if (name === undefined) return refuse('name_invalid', 'neither the request nor its CSR names anybody');
  if (own !== undefined && own !== name)
    return refuse(
      'name_invalid',
      `the CSR is for another name than \`${name}\`: leave it out there, or give the same`,
    );
  const flaw = speaksForThings(profile) ? thingNameFlaw(name) : plainNameFlaw(name);
  return flaw === undefined ? name : refuse('name_invalid', flaw);
}

function plainNameFlaw(name: string): string | undefined {
  if (plainName.test(name)) return undefined;
  return `${JSON.stringify(name.slice(0, commonNameMax))} is not 1 to ${commonNameMax} of a-z A-Z 0-9 blank . : @ _ -, with a letter or digit at both ends`;
}

function excessOfRequest(
  csr: Csr,
  {
    altNames,
    validityDays = 1,
    profile,
    givenNames,
  }: OperatorRequest & { readonly givenNames: readonly GeneralName[] },
): string | undefined {
  const { altNameKinds, subjectAltName, uriTemplates, validityDaysMax } = profiles[profile];
  // An hour of the past is part of it.
  if (validityDays >= validityDaysMax)
    return `more than the ${validityDaysMax - 1} days a \`${profile}\` certificate may have`;
  if (subjectAltName === 'required' && uriTemplates.length === 0 && altNames.length === 0)
    return `a \`${profile}\` certificate without a DNS name or IP address`;
  for (const own of altNames) {
    if (!altNameKinds.includes(own.kind))
      return `an alternative name (${own.kind}) that a \`${profile}\` certificate does not have`;
    const [finding] = altNameFindings(own);
    if (finding !== undefined) return `an alternative name that cannot be: ${finding}`;
  }
  const strange = csr.requestedExtensions.subjectAltName?.find(
    (one) => !isProfileUri(one) && !isAmong(one, [...altNames, ...givenNames]),
  );
  return strange && `an alternative name (${strange.kind}) in its CSR that the request does not give it`;
}

function isAmong(name: GeneralName, names: readonly GeneralName[]): boolean {
  return names.some((other) => isSameName(name, other));
}
