import type { DomainParts, Domains } from './domains.ts';
import { Endorsements } from './endorsements/index.ts';
import { Enrollment } from './enrollment/index.ts';
import { openProvisioning } from './open-provisioning.ts';
import type { Provisioning } from './provisioning/index.ts';
import { RenewalCampaigns } from './renewals/index.ts';
import { VendorCas } from './vendor-cas/index.ts';

/** The ways in which devices come to certificates, and keep having one. */
export interface Newcomers {
  readonly renewals: RenewalCampaigns;
  readonly endorsements: Endorsements;
  readonly enrollment: Enrollment;
  readonly provisioning: Provisioning;
  readonly vendorCas: VendorCas;
}

/** Opens them over the domains below them. */
export async function openNewcomers(
  parts: DomainParts,
  lower: Pick<Domains, 'trail' | 'things' | 'groups' | 'policies' | 'certificates' | 'denials'>,
): Promise<Newcomers> {
  const { config, clock, random, storage } = parts;
  const { stores, transactor } = storage;
  const { trail, things, groups, policies, certificates, denials } = lower;
  const shared = { transactor, trail, clock, random };
  const renewals = await RenewalCampaigns.open({
    ...shared,
    store: stores.renewals,
    things,
    groups,
    certificates,
    limits: config.renewals,
  });
  const endorsements = new Endorsements({
    ...shared,
    store: stores.endorsements,
    certificates,
    settings: config.endorsements,
  });
  const enrollment = new Enrollment({
    ...shared,
    campaigns: renewals,
    endorsements,
    store: stores.enrollment,
    things,
    policies,
    groups,
    certificates,
    denials,
    settings: { ...config.enrollment, activePerThingMax: config.certificates.activePerThingMax },
  });
  const provisioning: Provisioning = await openProvisioning(parts, {
    ...shared,
    ...enrollment.shared,
    things,
    groups,
    policies,
    certificates,
    denials,
    binding: { region: config.region, accountId: config.accountId },
    isUsedAbove: (templateName) => vendorCas.isUsed(templateName),
  });
  const vendorCas: VendorCas = await VendorCas.open({
    ...shared,
    store: stores.vendorCas,
    certificates,
    provisioning,
    things,
    denials,
    attempts: enrollment.shared.attempts,
    turns: enrollment.shared.turns,
    announce: parts.announce,
    warn: parts.warn,
    settings: config.vendorCas,
  });
  return { renewals, endorsements, enrollment, provisioning, vendorCas };
}
