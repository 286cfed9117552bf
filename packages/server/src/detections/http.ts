import { listDetections } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Detections } from './service.ts';

export function detectionHandlers(detections: Detections): readonly RouteHandler[] {
  return [
    handle(listDetections, async ({ query }) => ({
      detections: detections.list(query.limit ?? 100).map((one) => ({
        ...one,
        thingNames: [...one.thingNames],
        clientIds: [...one.clientIds],
        addresses: [...one.addresses],
      })),
    })),
  ];
}
