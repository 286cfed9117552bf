import { parseThingName } from '@fleetward/core';
import { getInstruction } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import { DirectorError } from './errors.ts';
import type { Director } from './service.ts';

/** What a device asks its director; the listener knows which thing a certificate speaks for. */
export function directorHandlers(director: Director): readonly RouteHandler[] {
  return [
    handle(getInstruction, async ({ caller }) => {
      const thingName = caller.kind === 'device' ? caller.thingName : undefined;
      if (thingName === undefined) {
        const message =
          'the certificate is not attached to exactly one thing: it is instructed to do nothing';
        throw new DirectorError('director.not_attached', message);
      }
      return {
        contentType: 'application/json',
        bytes: await director.instructionFor(parseThingName(thingName)),
      };
    }),
  ];
}
