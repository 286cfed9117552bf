import type { CertificateId, Clock, Random, Signer } from '@fleetward/core';
import { type GeneralName, type LeafProfileName, parsePublicKey } from '@fleetward/pki';
import type { Authorities } from './authorities.ts';
import { chainAbove } from './chain-above.ts';
import { type AltNameSettings, givenNames } from './given-names.ts';
import {
  type IssuancePorts,
  type SignedCertificate,
  type SignRequest,
  signCertificate,
  signTogether,
} from './issuance.ts';
import { type ValiditySettings, validityDaysOf } from './rules.ts';

export interface IssuerOptions {
  readonly authorities: Authorities;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: (keyName: string) => Promise<Signer>;
  readonly crlUrl: (issuerId: CertificateId) => string;
  readonly ocspUrl: () => string;
  readonly settings: ValiditySettings & AltNameSettings;
}

/** Signs by the CA that issues now, as the settings have it. It keeps nothing: only what is recorded is part of the platform. */
export class Issuer {
  readonly #options: IssuerOptions;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** Not for use inside a transaction: it waits for the signing process. Throws `certificates.no_issuing_ca`. */
  async sign(request: SignRequest): Promise<SignedCertificate> {
    return signCertificate(request, await this.#ports());
  }

  /** As `sign` for many, which costs less: all are signed, in their order, or none is. */
  async signAll(requests: readonly SignRequest[]): Promise<readonly SignedCertificate[]> {
    return signTogether(requests, await this.#ports());
  }

  /** The alternative names that the settings give a certificate of this profile and common name. */
  givenNames(profile: LeafProfileName, commonName: string): readonly GeneralName[] {
    return givenNames(profile, { commonName, altNames: this.#options.settings.altNames });
  }

  async #ports(): Promise<IssuancePorts> {
    const { authorities, signer, clock, random, crlUrl, ocspUrl, settings } = this.#options;
    const issuer = authorities.issuing();
    return {
      issuer,
      above: chainAbove(issuer.certificate, authorities.trust()),
      signer: await signer(issuer.keyName),
      clock,
      random,
      validityDaysOf: (profile) => validityDaysOf(profile, settings),
      givenNames: (profile, commonName) => this.givenNames(profile, commonName),
      crlUrl: crlUrl(issuer.certificateId),
      ocspUrl: ocspUrl(),
    };
  }
}

/** A certificate for the platform's own listeners. */
export interface ServerRequest {
  /** SPKI, DER. */
  readonly publicKey: Uint8Array;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export function serverSignRequest({ publicKey, dnsNames, ipAddresses }: ServerRequest): SignRequest {
  const dns = dnsNames.map((value): GeneralName => ({ kind: 'dns', value }));
  const ips = ipAddresses.map((value): GeneralName => ({ kind: 'ip', value }));
  return {
    profile: 'server',
    commonName: (dnsNames[0] ?? ipAddresses[0] ?? 'fleetward').slice(0, 64),
    publicKey: parsePublicKey(publicKey),
    subjectAltName: [...dns, ...ips],
  };
}
