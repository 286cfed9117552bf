import { parseCertificateId, parseThingName } from '@fleetward/core';
import { listDenials, type Part, whyDenied } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { causesOf } from './causes.ts';
import type { DenialFilter } from './denial.ts';
import type { Denials } from './service.ts';

export function denialHandlers(denials: Denials): readonly RouteHandler[] {
  return [
    handle(listDenials, async ({ query }) => {
      const listed = denials.list(filterOf(query, 100));
      return { denials: [...listed], counts: Object.fromEntries(denials.counts()) };
    }),
    handle(whyDenied, async ({ query }) => ({ causes: [...causesOf(denials.list(filterOf(query, 1_000)))] })),
  ];
}

type Query = NonNullable<Part<(typeof listDenials)['query']>>;

function filterOf({ thingName, certificateId, limit, ...rest }: Query, limitDefault: number): DenialFilter {
  return {
    ...rest,
    limit: limit ?? limitDefault,
    ...(thingName === undefined ? {} : { thingName: parseThingName(thingName) }),
    ...(certificateId === undefined ? {} : { certificateId: parseCertificateId(certificateId) }),
  };
}
