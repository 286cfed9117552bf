import { type CertificateId, parseCertificateId, parseThingName, type ThingName } from '@fleetward/core';
import { listDenials, type Part, whyDenied } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { causesOf } from './causes.ts';
import type { DenialFilter } from './denial.ts';
import type { Denials } from './service.ts';

export interface ThingsOfDenials {
  readonly certificateIdsOf: (thingName: ThingName) => readonly CertificateId[];
  /** Throws when there is no such thing. */
  readonly get: (thingName: ThingName) => unknown;
}

export function denialHandlers(denials: Denials, things: ThingsOfDenials): readonly RouteHandler[] {
  const filterOf = filterWith((thingName) => things.certificateIdsOf(thingName));
  return [
    handle(listDenials, async ({ query }) => {
      const listed = denials.list(filterOf(query, 100));
      if (listed.length === 0) assertThing(query, things);
      return { denials: [...listed], counts: Object.fromEntries(denials.counts()) };
    }),
    handle(whyDenied, async ({ query }) => {
      const listed = denials.list(filterOf(query, 1_000));
      if (listed.length === 0) assertThing(query, things);
      return { causes: [...causesOf(listed)] };
    }),
  ];
}

/** A thing that was refused before it was made, or that is gone, has denials too: only where there are none, a wrong name is told. */
function assertThing(
  { thingName }: { readonly thingName?: string | undefined },
  things: ThingsOfDenials,
): void {
  if (thingName !== undefined) things.get(parseThingName(thingName));
}

type Query = NonNullable<Part<(typeof listDenials)['query']>>;

function filterWith(certificateIdsOf: (thingName: ThingName) => readonly CertificateId[]) {
  return ({ thingName, certificateId, limit, ...rest }: Query, limitDefault: number): DenialFilter => ({
    ...rest,
    limit: limit ?? limitDefault,
    ...(thingName === undefined ? {} : ofThing(parseThingName(thingName))),
    ...(certificateId === undefined ? {} : { certificateId: parseCertificateId(certificateId) }),
  });

  function ofThing(thingName: ThingName): Pick<DenialFilter, 'thingName' | 'thingCertificateIds'> {
    return { thingName, thingCertificateIds: certificateIdsOf(thingName) };
  }
}
