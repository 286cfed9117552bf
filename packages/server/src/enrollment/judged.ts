import type { ThingName } from '@fleetward/core';
import { type Certificates, judgesDevice } from '../certificates/index.ts';
import type { Things } from '../things/index.ts';
import { type Refusal, refuse } from './refusal.ts';

/** An operator's word that just this thing is let in. */
export interface Consent {
  readonly givenAtMs: number;
}

export interface LetBack {
  readonly things: Pick<Things, 'certificatesEverOf'>;
  readonly certificates: Pick<Certificates, 'revocationOf'>;
  readonly consent: Consent | undefined;
  /** For the operator: what lets the device in again. */
  readonly wayBack: string;
}

/**
 * A device whose certificate was revoked for a reason that judges it has only to make a new key and to show what it came in with, where
 * that is good for many. Nothing that was given out before the last such revocation lets it in, and what came later only where it names the thing.
 */
export function notLetBack(
  thingName: ThingName,
  { things, certificates, consent, wayBack }: LetBack,
): Refusal | undefined {
  const judgements = [...things.certificatesEverOf(thingName)].flatMap((certificateId) => {
    const revocation = certificates.revocationOf(certificateId);
    return revocation !== undefined && judgesDevice(revocation.reason)
      ? { certificateId, ...revocation }
      : [];
  });
  const last = judgements.reduce<(typeof judgements)[number] | undefined>(
    (latest, each) => (latest === undefined || each.revokedAtMs > latest.revokedAtMs ? each : latest),
    undefined,
  );
  if (last === undefined || (consent !== undefined && consent.givenAtMs > last.revokedAtMs)) return undefined;
  const { certificateId, reason, revokedAtMs } = last;
  const at = new Date(revokedAtMs).toISOString();
  const explanation = `certificate \`${certificateId}\` of the thing \`${thingName}\` was revoked at ${at} (\`${reason}\`), which shuts its device out; to let it in again, ${wayBack}`;
  return refuse('thing_revoked', explanation, {
    thingName,
    deviceText: `the thing \`${thingName}\` is not let in; ask its operator`,
  });
}
