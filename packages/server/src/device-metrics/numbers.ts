import type { MetricsReport } from './report.ts';

/** What a report says in single numbers, by the name of the metric. */
export type Numbers = Readonly<Record<string, number>>;

/** AWS IoT's names of the numbers of a report; those of custom metrics are their own. */
export function numbersOf({ metrics = {}, custom_metrics: custom = {} }: MetricsReport): Numbers {
  const { listening_tcp_ports: tcp, listening_udp_ports: udp, network_stats: stats } = metrics;
  const connections = metrics.tcp_connections?.established_connections;
  const numbers: Readonly<Record<string, number | undefined>> = {
    'aws:num-listening-tcp-ports': tcp?.total ?? tcp?.ports?.length,
    'aws:num-listening-udp-ports': udp?.total ?? udp?.ports?.length,
    'aws:num-established-tcp-connections': connections?.total ?? connections?.connections?.length,
    'aws:all-bytes-in': stats?.bytes_in,
    'aws:all-bytes-out': stats?.bytes_out,
    'aws:all-packets-in': stats?.packets_in,
    'aws:all-packets-out': stats?.packets_out,
    ...Object.fromEntries(
      Object.entries(custom).map(([name, [value]]) => [name, 'number' in value ? value.number : undefined]),
    ),
  };
  const known = Object.entries(numbers).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries(known);
}
