/** Devices are numbered; device 0 is the hub: it collects in the fan-in and publishes in the fan-out. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly payloadBytes: number;
  /** Who subscribes to what, once each. */
  readonly subscriptions: readonly { readonly device: number; readonly filter: string }[];
  readonly streams: readonly Stream[];
}

/** The messages of one publisher on one topic. */
export interface Stream {
  readonly publisher: number;
  readonly topic: string;
  readonly receivers: readonly number[];
  /** Messages the publisher gives to its socket in one write. */
  readonly batch: number;
  /** Writes it may be ahead of the slowest receiver: nothing is lost though everything runs at full speed. */
  readonly window: number;
  /** Digits of the topic that count on with each message, so that no two have one topic: from and to, counted in its bytes. */
  readonly counter?: readonly [number, number];
}

export const workloadNames = ['fan-in', 'fan-out', 'pipelined'] as const;
export type WorkloadName = (typeof workloadNames)[number];

const payloadBytes = 64;

/** Client id and thing name of a device; of one length, so that all packets of a workload have one length. */
export function deviceName(device: number): string {
  return `bench-${String(device).padStart(3, '0')}`;
}

export function workload(name: WorkloadName): Workload {
  switch (name) {
    case 'fan-in':
      return fanIn(300);
    case 'fan-out':
      return fanOut(200);
    case 'pipelined':
      return pipelined(10);
  }
}

/** How many devices the workload needs. */
export function deviceCount({ subscriptions, streams }: Workload): number {
  const devices = [
    ...subscriptions.map(({ device }) => device),
    ...streams.map(({ publisher }) => publisher),
  ];
  return Math.max(...devices) + 1;
}

function fanIn(publishers: number): Workload {
  return {
    name: 'fan-in',
    title: `${publishers} publishers → 1 subscriber, one message a write, next when delivered`,
    payloadBytes,
    subscriptions: [{ device: 0, filter: 'telemetry/+' }],
    streams: range(1, publishers).map((device) => ({
      publisher: device,
      topic: `telemetry/${deviceName(device)}`,
      receivers: [0],
      batch: 1,
      window: 1,
    })),
  };
}

function fanOut(subscribers: number): Workload {
  const topic = 'broadcast/all';
  const receivers = range(1, subscribers);
  return {
    name: 'fan-out',
    title: `1 publisher → ${subscribers} subscribers, up to 32 messages ahead of the slowest`,
    payloadBytes,
    subscriptions: receivers.map((device) => ({ device, filter: topic })),
    streams: [{ publisher: 0, topic, receivers, batch: 1, window: 32 }],
  };
}

function pipelined(pairs: number): Workload {
  const publishers = range(0, pairs);
  const topicOf = (device: number) => `commands/${deviceName(device + pairs)}`;
  return {
    name: 'pipelined',
    title: `${pairs} publishers → ${pairs} subscribers in pairs, 32 messages a write, up to 8 writes ahead`,
    payloadBytes,
    subscriptions: publishers.map((device) => ({ device: device + pairs, filter: topicOf(device) })),
    streams: publishers.map((device) => ({
      publisher: device,
      topic: topicOf(device),
      receivers: [device + pairs],
      batch: 32,
      window: 8,
    })),
  };
}

/** One publisher, ten subscribers of one filter, and all other filters, with wildcards too, spread over 110 subscribers. */
export function filtersWorkload(count: number): Workload {
  const receivers = range(1, 10);
  const bystanders = range(11, 110);
  const others = range(0, count - receivers.length).map((index) => ({
    device: bystanders[index % bystanders.length]!,
    filter: index % 2 === 0 ? `filters/+/cold-${index}` : `filters/+/cold-${index}/#`,
  }));
  const topic = 'filters/00000000/hot';
  return {
    name: `filters-${count}`,
    title: `1 publisher → 10 of 120 subscribers with ${count} filters`,
    payloadBytes,
    subscriptions: [...receivers.map((device) => ({ device, filter: 'filters/+/hot' })), ...others],
    streams: [{ publisher: 0, topic, receivers, batch: 1, window: 32, counter: [8, 16] }],
  };
}

/** The fan-in with other numbers: how throughput goes with connections and with the payload. */
export function sweepWorkload(publishers: number, bytes: number): Workload {
  return { ...fanIn(publishers), name: `fan-in-${publishers}-${bytes}`, payloadBytes: bytes };
}

export function range(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}
