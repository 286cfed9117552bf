import type { Transactor } from '@fleetward/core';
import { type Connection, REASON } from '@fleetward/mqtt';
import { closeConnection, listConnections } from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Trail } from '../trail/index.ts';
import { GatewayError } from './errors.ts';
import type { DevicePeer, MqttGateway } from './mqtt-gateway.ts';

const subscriptionsShown = 100;
const standardLimit = 100;

/** Where the cut of a connection is put down. */
interface ConnectionRecords {
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
}

/** What operators see of live connections, and the means to cut one, which the trail knows of before it happens. */
export function connectionHandlers(gateway: MqttGateway, records: ConnectionRecords): RouteHandler[] {
  return [
    handle(listConnections, async ({ query }) => {
      const live = [...gateway.connections()];
      const wanted = live.filter(
        ({ peer }) =>
          (query.thingName === undefined || peer.principal?.thingName === query.thingName) &&
          (query.certificateId === undefined || peer.admission.certificateId === query.certificateId),
      );
      return {
        connections: wanted.slice(0, query.limit ?? standardLimit).map(describe),
        total: wanted.length,
      };
    }),
    handle(closeConnection, async ({ params, caller }) => {
      const connection = gateway.broker.get(params.clientId);
      if (connection === undefined)
        throw new GatewayError('connections.not_found', `no client \`${params.clientId}\` is connected`);
      const { clientId, peer } = connection;
      const payload = { clientId, certificateId: peer.admission.certificateId };
      const actor = operatorActor(caller);
      await records.transactor.transact((tx) =>
        records.trail.append(tx, { kind: 'connection.closed', actor, payload }),
      );
      connection.disconnect(REASON.administrativeAction, { sendWill: true });
      return undefined;
    }),
  ];
}

function describe(connection: Connection<DevicePeer>) {
  const { peer } = connection;
  const thingName = peer.principal?.thingName;
  return {
    clientId: connection.clientId,
    certificateId: peer.admission.certificateId as string,
    ...(thingName === undefined ? {} : { thingName: thingName as string }),
    remoteAddress: peer.remoteAddress,
    protocol: connection.protocolVersion === 5 ? ('mqtt-5' as const) : ('mqtt-3.1.1' as const),
    connectedAtMs: connection.connectedAtMs,
    subscriptions: [...connection.subscriptions].slice(0, subscriptionsShown),
  };
}
