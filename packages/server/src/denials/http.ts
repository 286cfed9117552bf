import { parseCertificateId, parseThingName } from '@fleetward/core';
import { listDenials } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { DenialFilter } from './denial.ts';
import type { Denials } from './service.ts';

export function denialHandlers(denials: Denials): readonly RouteHandler[] {
  return [
    handle(listDenials, async ({ query }) => {
      const { thingName, certificateId, limit, ...rest } = query;
      const filter: DenialFilter = {
        ...rest,
        limit: limit ?? 100,
        ...(thingName === undefined ? {} : { thingName: parseThingName(thingName) }),
        ...(certificateId === undefined ? {} : { certificateId: parseCertificateId(certificateId) }),
      };
      return { denials: [...denials.list(filter)], counts: Object.fromEntries(denials.counts()) };
    }),
  ];
}
