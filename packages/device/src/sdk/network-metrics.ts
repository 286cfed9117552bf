/** What of the kernel's files the metrics are made of: `undefined` where there is none. */
export type ReadText = (path: string) => string | undefined;

export interface Traffic {
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly packets_in: number;
  readonly packets_out: number;
}

export interface Socket {
  readonly localPort: number;
  /** `192.0.2.7:443`, `[2001:db8::1]:443`. */
  readonly remote: string;
  readonly state: number;
}

/** More are counted and not listed. */
const listedMax = 50;
const established = 1;
const listening = 10;
/** A UDP socket that is bound and not connected. */
const unconnected = 7;

/** The metrics of AWS IoT Device Defender that need no privilege, in its long names; `since` is the traffic at the last report. */
export function networkMetrics(read: ReadText, since: Traffic) {
  const tcp = [...parseSockets(read('/proc/net/tcp')), ...parseSockets(read('/proc/net/tcp6'))];
  const udp = [...parseSockets(read('/proc/net/udp')), ...parseSockets(read('/proc/net/udp6'))];
  const connections = tcp.filter(({ state }) => state === established);
  const traffic = readTraffic(read);
  return {
    traffic,
    metrics: {
      listening_tcp_ports: portsOf(tcp.filter(({ state }) => state === listening)),
      listening_udp_ports: portsOf(udp.filter(({ state }) => state === unconnected)),
      network_stats: difference(traffic, since),
      tcp_connections: {
        established_connections: {
          connections: connections
            .slice(0, listedMax)
            .map(({ remote, localPort }) => ({ remote_addr: remote, local_port: localPort })),
          total: connections.length,
        },
      },
    },
  };
}

/** Of all interfaces but the loopback, since the start of the system. */
export function readTraffic(read: ReadText): Traffic {
  const sum = { bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 };
  for (const line of (read('/proc/net/dev') ?? '').split('\n')) {
    const [, name, numbers = ''] = /^\s*([^:\s]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') continue;
    // proc(5): bytes, packets and six more received, then the same sent.
    const fields = numbers.trim().split(/\s+/).map(Number);
    sum.bytes_in += fields[0] || 0;
    sum.packets_in += fields[1] || 0;
    sum.bytes_out += fields[8] || 0;
    sum.packets_out += fields[9] || 0;
  }
  return sum;
}

/** A counter that is smaller than before began anew. */
function difference(now: Traffic, since: Traffic): Traffic {
  const of = (name: keyof Traffic) => (now[name] < since[name] ? now[name] : now[name] - since[name]);
  return {
    bytes_in: of('bytes_in'),
    bytes_out: of('bytes_out'),
    packets_in: of('packets_in'),
    packets_out: of('packets_out'),
  };
}

function portsOf(sockets: readonly Socket[]) {
  const ports = [...new Set(sockets.map(({ localPort }) => localPort))].sort((a, b) => a - b);
  return { ports: ports.slice(0, listedMax).map((port) => ({ port })), total: ports.length };
}

/** `/proc/net/tcp` and its like, as proc(5) has them; what is no such line is left out. */
export function parseSockets(text = ''): readonly Socket[] {
  const sockets: Socket[] = [];
  for (const line of text.split('\n')) {
    const fields =
      /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2}) /.exec(line);
    if (fields === null) continue;
    const [, local = '', address = '', port = '', state = ''] = fields;
    sockets.push({
      localPort: Number.parseInt(local, 16),
      remote: `${addressOf(address)}:${Number.parseInt(port, 16)}`,
      state: Number.parseInt(state, 16),
    });
  }
  return sockets;
}

/** Words in the order of this machine's bytes, which is little-endian wherever Node runs. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  return `[${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]`;
}
