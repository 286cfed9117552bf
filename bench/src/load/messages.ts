import { encodePacket, NO_PROPERTIES } from '@fleetward/mqtt';
import type { Workload } from '../workloads.ts';

/** The packets of a workload, made before anything is measured. One stream sends the same packet again and again. */
export function streamPackets(workload: Workload): readonly Buffer[] {
  return workload.streams.map(({ topic }) => publishPacket(topic, workload.payloadBytes));
}

export function connectPacket(clientId: string, cleanStart = true): Buffer {
  return encodePacket(
    {
      kind: 'connect',
      protocolVersion: 4,
      clientId,
      cleanStart,
      keepAliveSeconds: 600,
      properties: NO_PROPERTIES,
    },
    4,
  );
}

export function subscribePacket(filter: string, qos: 0 | 1 = 0): Buffer {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return encodePacket(
    { kind: 'subscribe', packetId: 1, subscriptions: [{ filter, ...options }], properties: NO_PROPERTIES },
    4,
  );
}

export function publishPacket(topic: string, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, 'fleetward ');
  return encodePacket(
    { kind: 'publish', topic, payload, qos: 0, dup: false, retain: false, properties: NO_PROPERTIES },
    4,
  );
}

/** With QoS 1. */
export function numberedPublishPacket(
  topic: string,
  { payloadBytes, packetId }: { readonly payloadBytes: number; readonly packetId: number },
): Buffer {
  const payload = Buffer.alloc(payloadBytes, 'fleetward ');
  const flags = { qos: 1, dup: false, retain: false } as const;
  return encodePacket({ kind: 'publish', topic, payload, packetId, ...flags, properties: NO_PROPERTIES }, 4);
}

/** Where the topic of a PUBLISH begins: after the remaining length (MQTT 3.1.1 section 2.2.3) and its own length, below 256 here. */
export function topicStart(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (bytes[at]! >= 0x80) at++;
  return at + 3;
}
