import type { Clock } from '@fleetward/core';
import { ApiError } from '@fleetward/protocol';
import type { DeviceIdentity } from '../sdk/identity.ts';
import { renew, renewalTimeMs } from '../sdk/renew.ts';

interface KeptIdentity {
  readonly url: string;
  readonly identityFolder: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Whether the platform asks for it before that. */
  readonly isAsked: () => Promise<boolean>;
}

/** Renews the identity when that is due, or asked for. Answers the one to use from here on: what fails is told to the log, and tried again at the next pass. */
export async function renewWhenDue(identity: DeviceIdentity, kept: KeptIdentity): Promise<DeviceIdentity> {
  const { url, identityFolder: folder, clock, log } = kept;
  if (clock.now() < renewalTimeMs(identity) && !(await isAskedFor(kept))) return identity;
  try {
    const outcome = await renew({ url, folder, clock });
    if (outcome.kind === 'renewed') {
      log('the certificate was renewed');
      return outcome.identity;
    }
    log(`the certificate is not renewed: ${outcome.status} ${outcome.reason}`);
  } catch (error) {
    log(`the certificate is not renewed: ${error instanceof Error ? error.message : String(error)}`);
  }
  return identity;
}

/** A platform that cannot be reached is told of by the pass itself. */
async function isAskedFor({ isAsked, log }: KeptIdentity): Promise<boolean> {
  try {
    const asked = await isAsked();
    if (asked) log('the platform asks for a renewal of the certificate before its time');
    return asked;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return false;
  }
}
