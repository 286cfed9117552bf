import type { Clock } from '@fleetward/core';
import type { DeviceIdentity } from '../sdk/identity.ts';
import { renew, renewalTimeMs } from '../sdk/renew.ts';

interface KeptIdentity {
  readonly url: string;
  readonly identityFolder: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** Renews the identity when that is due. Answers the one to use from here on: what fails is told to the log, and tried again at the next pass. */
export async function renewWhenDue(identity: DeviceIdentity, kept: KeptIdentity): Promise<DeviceIdentity> {
  const { url, identityFolder: folder, clock, log } = kept;
  if (clock.now() < renewalTimeMs(identity)) return identity;
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
