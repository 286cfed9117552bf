import { type CertificateId, type Clock, counted, type ThingName } from '@fleetward/core';
import { type CertificateRecord, type Certificates, isOnHold } from '../certificates/index.ts';
import { GroupsError } from '../groups/index.ts';
import { PoliciesError } from '../policies/index.ts';
import { type Things, ThingsError } from '../things/index.ts';
import { type Refusal, refuse } from './refusal.ts';
import { RolledBack } from './rolled-back.ts';

/** What the proofs that the platform requires may say to a newcomer. */
const guardrailCodes: ReadonlySet<string> = new Set([
  'policies.guardrail_broken',
  'policies.guardrail_undecided',
]);

/** Active, or taken from its device by an operator for a time: a join token must not be the way around that. */
function mayComeBack(
  certificate: Pick<CertificateRecord, 'state' | 'notAfterMs' | 'revocationReason'>,
  nowMs: number,
): boolean {
  if (nowMs > certificate.notAfterMs) return false;
  return certificate.state !== 'REVOKED' || isOnHold(certificate);
}

export function used({ thingName }: { readonly thingName: ThingName }): Refusal {
  return refuse('token_used', 'the join token has been used as often as it may be', { thingName });
}

/** The certificates that speak for a thing, or may again. */
export function certificatesHeld(
  thingName: ThingName,
  {
    things,
    certificates,
    clock,
  }: { readonly things: Things; readonly certificates: Certificates; readonly clock: Clock },
) {
  const nowMs = clock.now();
  return things
    .certificatesOf(thingName)
    .flatMap(({ certificateId }) => certificates.summary(certificateId) ?? [])
    .filter((summary) => mayComeBack(summary, nowMs));
}

/**
 * A thing that holds as many as it may. Whoever has a certificate could else make as many as it likes, and keep some beyond its revocation.
 * Also those that may not speak now count: a device can bring its own into quarantine, one after the other.
 */
export function tooManyHeld(
  thingName: ThingName,
  { count, max }: { readonly count: number; readonly max: number },
): Refusal | undefined {
  if (count < max) return undefined;
  const explanation = `the thing \`${thingName}\` has ${counted(count, 'certificate')} neither revoked nor expired (setting \`certificates.activePerThingMax\`); an operator must revoke those it does not use`;
  return refuse('thing_has_too_many', explanation, { thingName });
}

export function keyInUse(
  certificateIds: readonly CertificateId[],
  about: { readonly thingName?: ThingName } = {},
): Refusal {
  const ids = certificateIds.map((certificateId) => `\`${certificateId}\``).join(', ');
  return refuse('key_in_use', `the key belongs, or belonged, to certificate ${ids}`, {
    ...about,
    deviceText: 'this key has, or had, another certificate; make a new key',
  });
}

/** What a refusal of the change itself is to the device; undefined for a fault of the platform. */
export function refusalOf(error: unknown, thingName: ThingName): Refusal | undefined {
  if (error instanceof RolledBack) return error.refusal;
  if (error instanceof PoliciesError && error.code === 'policies.not_found') {
    return refuse('token_policy_missing', `the join token names a policy that is gone: ${error.message}`, {
      thingName,
      deviceText: 'the join token cannot be used any more; ask for another',
    });
  }
  if (error instanceof PoliciesError && guardrailCodes.has(error.code)) {
    return refuse(
      'token_guardrail',
      `what the join token gives is not proved to keep a guard rail: ${error.message}`,
      {
        thingName,
        deviceText: 'the join token cannot be used as things are; ask its operator',
      },
    );
  }
  if (error instanceof GroupsError && (error.code === 'groups.not_found' || error.code === 'groups.limit')) {
    return refuse('token_group_refused', `the thing cannot join the token's group: ${error.message}`, {
      thingName,
      deviceText: 'the join token cannot be used; ask for another',
    });
  }
  if (error instanceof ThingsError && error.code === 'things.exists') {
    const explanation = `the thing \`${thingName}\` was created in this very moment; try again`;
    return refuse('busy', explanation, { thingName });
  }
  return undefined;
}

export function otherProfile(found: string, label: string): Refusal {
  return refuse(
    'profile_not_allowed',
    `the label \`${label}\` asks for that profile; this is for a certificate of profile \`${found}\``,
  );
}
