import type { Clock, Signer } from '@fleetward/core';
import type { SigningProcess } from '@fleetward/keys';
import type { Campaigns } from './campaigns/index.ts';
import type { Config } from './config.ts';
import { Director, newestFit } from './director/index.ts';
import type { DomainParts } from './domains.ts';
import type { ReleaseService } from './releases/index.ts';
import { signingKeys } from './signing-keys.ts';
import type { Things } from './things/index.ts';
import type { Trail } from './trail/index.ts';

const hourMs = 3_600_000;

/** The key that signs instructions; a platform from before there was a director gets its own now. */
export async function openDirectorKey(
  { storage, signing }: Pick<DomainParts, 'storage'> & { readonly signing: SigningProcess },
  trail: Pick<Trail, 'append'>,
): Promise<Signer> {
  const key = signingKeys.director;
  const known = await signing.findSigner(key.name);
  if (known !== undefined) return known;
  const made = await signing.generate(key);
  await storage.transactor.transact((tx) =>
    trail.append(tx, {
      kind: 'director.key_created',
      actor: { kind: 'system' },
      payload: { keyName: key.name },
    }),
  );
  return made;
}

/** The director over the domains below it. */
export function openDirector(
  { config, clock }: { readonly config: Config; readonly clock: Clock },
  lower: {
    readonly signer: Signer;
    readonly things: Things;
    readonly releases: ReleaseService;
    readonly campaigns: Campaigns;
  },
): Director {
  const { signer, things, releases, campaigns } = lower;
  const { instructionValidityHours, signaturesPerSecondMax, instructionsKeptMax } = config.director;
  return new Director({
    clock,
    signer,
    offerFor: async (thingName) => {
      if (campaigns.offers.isBusy(thingName)) return campaigns.offers.of(thingName);
      const free = releases.releases().filter(({ sha256 }) => campaigns.offers.isFree(sha256));
      return newestFit(free, (await things.reports.find(thingName))?.report);
    },
    settings: {
      validityMs: instructionValidityHours * hourMs,
      signaturesPerSecondMax,
      keptMax: instructionsKeptMax,
    },
  });
}
