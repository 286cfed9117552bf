import { sendReport } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { ThingsError } from './errors.ts';
import type { Things } from './service.ts';

/** What devices say of themselves; the listener knows which thing a certificate speaks for. */
export function deviceReportHandlers(things: Things): readonly RouteHandler[] {
  return [
    handle(sendReport, async ({ body, caller }) => {
      const thingName = caller.kind === 'device' ? caller.thingName : undefined;
      if (thingName === undefined) {
        throw new ThingsError('things.not_attached', 'the certificate is not attached to exactly one thing');
      }
      await things.saveReport(thingName, { ...body });
      return undefined;
    }),
  ];
}
