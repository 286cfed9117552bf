import { type ClientId, InvalidInputError, parseClientId, type Random, toHex } from '@fleetward/core';
import type { ConnectPacket } from '../codec/connect.ts';
import { asksForPersistence } from '../session/connect-rules.ts';
import type { ConnectRequest } from './hooks.ts';

/** What the owner decides on; undefined when the client id cannot be one. An empty id is replaced (MQTT-3.1.3-6). */
export function connectRequest(packet: ConnectPacket, random: Random): ConnectRequest | undefined {
  const isClientIdAssigned = packet.clientId === '';
  const clientId = clientIdOf(isClientIdAssigned ? `auto-${toHex(random.bytes(12))}` : packet.clientId);
  if (clientId === undefined) return undefined;
  return {
    protocolVersion: packet.protocolVersion,
    clientId,
    isClientIdAssigned,
    isPersistent: asksForPersistence(packet),
    cleanStart: packet.cleanStart,
    keepAliveSeconds: packet.keepAliveSeconds,
    userProperties: packet.properties.userProperties ?? [],
    ...(packet.will === undefined ? {} : { will: packet.will }),
    ...(packet.username === undefined ? {} : { username: packet.username }),
    ...(packet.password === undefined ? {} : { password: packet.password }),
  };
}

function clientIdOf(text: string): ClientId | undefined {
  try {
    return parseClientId(text);
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}
