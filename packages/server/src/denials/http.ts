import { type CertificateId, parseCertificateId, parseThingName, type ThingName } from '@fleetward/core';
import { listDenials, type Part, whyDenied } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { causesOf } from './causes.ts';
import type { DenialFilter } from './denial.ts';
import type { Denials } from './service.ts';

export function denialHandlers(
  denials: Denials,
  certificateIdsOf: (thingName: ThingName) => readonly CertificateId[],
): readonly RouteHandler[] {
  const filterOf = filterWith(certificateIdsOf);
  return [
    handle(listDenials, async ({ query }) => {
      const listed = denials.list(filterOf(query, 100));
      return { denials: [...listed], counts: Object.fromEntries(denials.counts()) };
    }),
    handle(whyDenied, async ({ query }) => ({ causes: [...causesOf(denials.list(filterOf(query, 1_000)))] })),
  ];
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
