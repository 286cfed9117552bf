import type { Clock, ThingName } from '@fleetward/core';
import type { Certificates } from '../certificates/index.ts';
import { certificatesHeld, notLetBack, type Refusal, refuse, tooManyHeld } from '../enrollment/index.ts';
import type { Things } from '../things/index.ts';
import type { Asker } from './new-certificates.ts';
import type { TemplateInForce, Templates } from './templates.ts';

/** The template of a claim, where it is the one that was asked for and is switched on. */
export function templateOf(
  { claim, trace }: Asker,
  name: string,
  templates: Templates,
): { readonly kind: 'template'; readonly template: TemplateInForce } | Refusal {
  trace.begin('template');
  const template = templates.find(name);
  if (claim.templateName !== name || template === undefined)
    return refuse(
      'template_unknown',
      `the claim provisions by template \`${claim.templateName}\`, not \`${name}\``,
    );
  if (!template.isEnabled) return refuse('template_off', `template \`${name}\` is switched off`);
  trace.pass(`template \`${name}\`, version ${template.defaultVersionId}`);
  return { kind: 'template', template };
}

interface Holdings {
  readonly things: Things;
  readonly certificates: Certificates;
  readonly clock: Clock;
  /** Certificates of a thing that are neither revoked for ever nor expired. */
  readonly activePerThingMax: number;
}

/**
 * Why a device with this claim may not become this thing. A leaked claim must not become a device that is there, unless the template
 * says so; and never one that an operator has taken from its place.
 */
export function claimObjection(
  { asker, template }: { readonly asker: Asker; readonly template: TemplateInForce },
  thingName: ThingName,
  holdings: Holdings,
): Refusal | undefined {
  const own = asker.claim.thingName;
  if (own !== undefined && own !== thingName) return otherThing(own, thingName);
  const holders = certificatesHeld(thingName, holdings);
  const holder = holders.find(({ state }) => state !== 'ACTIVE' || !template.mayRejoin);
  if (holder === undefined)
    return (
      tooManyHeld(thingName, { count: holders.length, max: holdings.activePerThingMax }) ??
      judged(asker, thingName, holdings)
    );
  const explanation = `the thing \`${thingName}\` has a certificate already (${holder.state}); revoke it for ever or detach it, or let the template take such names (\`provisioning-template update --rejoin\`)`;
  return refuse('thing_has_certificate', explanation, {
    thingName,
    deviceText: `the thing \`${thingName}\` has a certificate already`,
  });
}

function judged({ claim }: Asker, thingName: ThingName, holdings: Holdings): Refusal | undefined {
  const consent = claim.thingName === thingName ? { givenAtMs: claim.createdAtMs } : undefined;
  const wayBack = `make a claim for it alone (\`fleetward claim create ${claim.templateName} --thing ${thingName}\`)`;
  return notLetBack(thingName, { ...holdings, consent, wayBack });
}

function otherThing(own: ThingName, thingName: ThingName): Refusal {
  const explanation = `the claim provisions the thing \`${own}\` alone, not \`${thingName}\``;
  return refuse('name_not_allowed', explanation, { thingName });
}
