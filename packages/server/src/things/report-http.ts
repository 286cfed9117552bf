import type { CertificateId, JsonObject, ThingName } from '@fleetward/core';
import { sendReport } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { ThingsError } from './errors.ts';
import type { Things } from './service.ts';

export interface DeviceReportOptions {
  readonly things: Things;
  /** Told of each report that is kept, before its device gets the answer. */
  readonly reported: (told: {
    readonly thingName: ThingName;
    readonly certificateId: CertificateId;
    readonly remoteAddress: string;
    readonly report: JsonObject;
  }) => Promise<void>;
}

/** What devices say of themselves; the listener knows which thing a certificate speaks for. */
export function deviceReportHandlers({ things, reported }: DeviceReportOptions): readonly RouteHandler[] {
  return [
    handle(sendReport, async ({ body, caller, remoteAddress }) => {
      const { thingName, certificateId } = caller.kind === 'device' ? caller : {};
      if (thingName === undefined || certificateId === undefined) {
        throw new ThingsError('things.not_attached', 'the certificate is not attached to exactly one thing');
      }
      await things.reports.save(thingName, { ...body });
      await reported({ thingName, certificateId, remoteAddress, report: { ...body } });
      return undefined;
    }),
  ];
}
