import type { Json } from '@fleetward/core';
import { shortNames } from '../../src/device-metrics/names.ts';
import type { MetricsReport } from '../../src/device-metrics/report.ts';

/** A report of a device in long names, as it is kept. */
export function reportOf(reportId: number, more: Partial<MetricsReport> = {}): MetricsReport {
  return {
    header: { report_id: reportId, version: '1.0' },
    metrics: {
      listening_tcp_ports: { ports: [{ port: 22, interface: 'eth0' }, { port: 8883 }], total: 2 },
      listening_udp_ports: { ports: [{ port: 5353 }] },
      network_stats: { bytes_in: 1_000, bytes_out: 2_000, packets_in: 10, packets_out: 20 },
      tcp_connections: {
        established_connections: {
          connections: [{ remote_addr: '192.0.2.1:8883', local_port: 40_000, local_interface: 'eth0' }],
          total: 3,
        },
      },
    },
    custom_metrics: {
      battery: [{ number: 87.5 }],
      temperatures: [{ number_list: [20, 21.5] }],
      modes: [{ string_list: ['idle', 'eco'] }],
      peers: [{ ip_list: ['192.0.2.7', '2001:db8::1'] }],
    },
    ...more,
  };
}

/** The same with short names where `isShort` says so for a name. */
export function shortened(value: Json, isShort: (name: string) => boolean): Json {
  if (Array.isArray(value)) return value.map((item: Json) => shortened(item, isShort));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => {
    const short =
      Object.hasOwn(shortNames, name) && isShort(name) ? shortNames[name as keyof typeof shortNames] : name;
    // Names of custom metrics are nobody's to shorten.
    const within = name === 'custom_metrics' ? inner : shortened(inner, isShort);
    return [short, within] as const;
  });
  return Object.fromEntries(entries);
}

export const limits = {
  reportBytesMax: 131_072,
  listItemsMax: 500,
  customMetricsMax: 50,
  intervalSecondsMin: 60,
  attemptsPerSecondMax: 100,
  reportsPendingMax: 1_000,
  bytesPendingMax: 16_777_216,
  retentionDays: 14,
  reportsPerThingMax: 5_000,
  bytesPerThingMax: 8_388_608,
};
