import { createHash } from 'node:crypto';
import {
  type GroupName,
  InvalidInputError,
  type PolicyName,
  parseSha256,
  parseThingName,
  type Sha256,
  type ThingName,
  utf8,
} from '@fleetward/core';
import {
  type Csr,
  checkRequestedKey,
  type GeneralName,
  type KeyRules,
  type LeafProfileName,
  PkiError,
  type PublicKey,
  parseCsr,
  profiles,
  profileUris,
  verifyCsrSignature,
} from '@fleetward/pki';
import { isSameName, speaksForThings } from '../certificates/index.ts';
import { EnrollmentError } from './errors.ts';
import { judgeLinking, type Linking } from './linking.ts';
import { matchesNamePattern } from './name-pattern.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { JoinToken } from './store.ts';
import type { Trace } from './trace.ts';

/** What was sent where a CSR belongs, and is none; in words for who sent it. */
export interface NoCsr {
  readonly flaw: string;
}

/** A request for a certificate that is in order by itself. */
export interface AcceptedCsr {
  readonly kind: 'accepted';
  readonly thingName: ThingName;
  readonly csr: Csr;
}

/** The hash a join token's secret is looked up by; undefined for a text that cannot be one. */
export function hashSecret(secret: string): Sha256 | undefined {
  if (!/^fwj_[A-Za-z0-9_-]{43}$/.test(secret)) return undefined;
  return parseSha256(createHash('sha256').update(utf8(secret)).digest('hex'));
}

/** Whether the token may be shown at all now. Uses are counted when one is taken. */
export function judgeToken(token: JoinToken, nowMs: number): Refusal | undefined {
  if (token.revokedAtMs !== undefined)
    return refuse('token_revoked', 'the join token was revoked by an operator');
  if (nowMs >= token.expiresAtMs) return refuse('token_expired', 'the join token is expired');
  return undefined;
}

interface CsrToJudge {
  readonly csrDer: Uint8Array | NoCsr;
  readonly linking: Linking;
  readonly keyRules: KeyRules;
  /** Of the certificate it would bring. */
  readonly profile: LeafProfileName;
  /** The names it may ask for. */
  readonly namePattern: string;
  /** The alternative names that it gets whether it asks for them or not. */
  readonly givenNames: (commonName: string) => readonly GeneralName[];
}

/** Reads a CSR and holds it to the key rules, its own signature, and the names the token allows. */
export function judgeCsr({ namePattern, ...wanted }: CsrToJudge, trace: Trace): AcceptedCsr | Refusal {
  const csr = readSoundCsr(wanted, trace);
  if ('kind' in csr) return csr;
  trace.begin('name');
  const thingName = nameOf(csr);
  if (typeof thingName !== 'string') return thingName;
  if (!matchesNamePattern(namePattern, thingName)) {
    return refuse('name_not_allowed', `the join token does not allow the name \`${thingName}\``, {
      thingName,
    });
  }
  const alternative = strangeAlternative(csr, { ...wanted, name: thingName });
  if (alternative !== undefined)
    return refuse(
      'csr_asks_too_much',
      `the CSR asks for an alternative name (${alternative.kind}) that is not its profile's; its common name is enough`,
    );
  trace.pass(`\`${thingName}\` is a name that \`${namePattern}\` allows`);
  return { kind: 'accepted', thingName, csr };
}

/** Reads a CSR and holds it to the key rules, its own signature and its connection, whatever name it asks for. */
export function readSoundCsr(
  { csrDer, linking, keyRules }: Pick<CsrToJudge, 'csrDer' | 'linking' | 'keyRules'>,
  trace: Trace,
): Csr | Refusal {
  trace.begin('csr');
  const csr = readCsr(csrDer);
  if ('kind' in csr) return csr;
  const key = checkRequestedKey(csr.publicKey, keyRules);
  if (key.kind === 'refused') return refuse('key_refused', key.reason);
  if (!verifyCsrSignature(csr)) {
    return refuse('csr_signature', "the CSR's signature does not verify with the key inside it");
  }
  const excess = excessOf(csr.requestedExtensions, 'device');
  if (excess !== undefined) return refuse('csr_asks_too_much', `the CSR asks for ${excess}`);
  trace.pass(`a sound CSR for \`${csr.subject.text}\`, ${keyText(csr.publicKey)}`);
  const unlinked = judgeLinking(csr, linking, trace);
  if (unlinked !== undefined) return unlinked;
  return csr;
}

/** A name beside those that the profile and the settings give by themselves. */
function strangeAlternative(
  { requestedExtensions }: Csr,
  { name, profile, givenNames }: Pick<CsrToJudge, 'profile' | 'givenNames'> & { readonly name: string },
): GeneralName | undefined {
  const own = profileUris(profiles[profile], name).map((value): GeneralName => ({ kind: 'uri', value }));
  const given = [...own, ...givenNames(name)];
  return requestedExtensions.subjectAltName?.find((one) => !given.some((other) => isSameName(one, other)));
}

/** What a profile does not give. Names are not looked at here: a renewal must repeat those it has. */
export function excessOf(
  { basicConstraints, keyUsage = [], extendedKeyUsage = [] }: Csr['requestedExtensions'],
  profile: LeafProfileName,
): string | undefined {
  if (basicConstraints?.ca === true) return 'a CA certificate';
  const given = profiles[profile];
  const usage = keyUsage.find((one) => !given.keyUsage.includes(one));
  if (usage !== undefined)
    return `the key usage \`${usage}\`; a ${profile} gets ${given.keyUsage.join(', ')}, also when it asks for none`;
  const purpose = extendedKeyUsage.find((one) => !given.extendedKeyUsage.includes(one));
  if (purpose !== undefined)
    return `the extended key usage \`${purpose}\`; a ${profile} gets ${profile === 'server' ? 'serverAuth' : 'clientAuth'}, also when it asks for none`;
  return undefined;
}

function keyText(key: PublicKey): string {
  if (key.kind === 'ec') return `with a key on ${key.curve}`;
  return key.kind === 'rsa' ? `with an RSA key of ${key.sizeBits} bits` : `with an ${key.kind} key`;
}

export function readCsr(csrDer: Uint8Array | NoCsr): Csr | Refusal {
  if ('flaw' in csrDer) return refuse('csr_malformed', csrDer.flaw);
  try {
    return parseCsr(csrDer);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return refuse('csr_malformed', `the CSR cannot be read: ${error.message}`);
  }
}

function nameOf(csr: Csr): ThingName | Refusal {
  const names = csr.subject.attributes.commonName ?? [];
  if (names.length !== 1) {
    return refuse(
      'name_invalid',
      `the CSR's subject has ${names.length} common names; exactly one is the thing's name`,
    );
  }
  const [name = ''] = names;
  const flaw = thingNameFlaw(name);
  return flaw === undefined ? parseThingName(name) : refuse('name_invalid', `the CSR's common name: ${flaw}`);
}

/** X.520's upper bound (RFC 5280 appendix A.1). */
export const commonNameMax = 64;

/** Why no certificate can name a thing so. */
export function thingNameFlaw(name: string): string | undefined {
  try {
    parseThingName(name);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.message;
  }
  if (name.length <= commonNameMax) return undefined;
  return `the name has ${name.length} characters; a certificate names at most ${commonNameMax} (RFC 5280 appendix A.1)`;
}

/** What a join token may give: servers are the platform's own. With `tpm-device`, the TPM has to prove itself first. */
export type TokenProfile = Extract<LeafProfileName, 'device' | 'tpm-device' | 'claim' | 'operator'>;

/** What an operator may ask of a join token. */
export interface JoinTokenTerms {
  readonly profile: TokenProfile;
  /** The group that each thing it enrols joins; it must exist. */
  readonly groupName?: GroupName;
  readonly namePattern: string;
  readonly usesMax: number;
  readonly validityMs: number;
  /** Attached to each certificate the token gives out; they must exist. */
  readonly policies: readonly PolicyName[];
}

const usesMaxMax = 1_000_000;
const validityMsMax = 366 * 86_400_000;
const policiesMax = 10;

/** Throws `enrollment.token_invalid`. */
export function assertTerms(terms: JoinTokenTerms): void {
  const { namePattern, usesMax, validityMs, policies, profile, groupName } = terms;
  if (groupName !== undefined && !speaksForThings(profile)) {
    throw invalid(`a certificate of profile \`${profile}\` has no thing that could join a group`);
  }
  if (!/^[a-zA-Z0-9:_*-]{1,128}$/.test(namePattern)) {
    throw invalid('the name pattern must be 1 to 128 of a-z A-Z 0-9 : _ - and `*`');
  }
  if (!Number.isInteger(usesMax) || usesMax < 1 || usesMax > usesMaxMax) {
    throw invalid(`a join token has 1 to ${usesMaxMax} uses, not \`${usesMax}\``);
  }
  if (!Number.isInteger(validityMs) || validityMs < 1 || validityMs > validityMsMax) {
    throw invalid(`a join token is valid for at most ${validityMsMax} ms, not \`${validityMs}\``);
  }
  if (policies.length > policiesMax) {
    throw invalid(`a join token names at most ${policiesMax} policies, not ${policies.length}`);
  }
}

function invalid(message: string): EnrollmentError {
  return new EnrollmentError('enrollment.token_invalid', message);
}
