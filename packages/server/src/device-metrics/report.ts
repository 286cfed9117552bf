/** What a device reports of itself, in AWS IoT's long names and with nothing in it that those do not name. */
export interface MetricsReport {
  readonly header: { readonly report_id: number; readonly version: string };
  readonly metrics?: Metrics;
  readonly custom_metrics?: CustomMetrics;
}

export interface Metrics {
  readonly listening_tcp_ports?: ListeningPorts;
  readonly listening_udp_ports?: ListeningPorts;
  readonly network_stats?: { readonly [Name in NetworkStat]?: number };
  readonly tcp_connections?: { readonly established_connections?: Connections };
}

export interface ListeningPorts {
  readonly ports?: readonly { readonly port: number; readonly interface?: string }[];
  readonly total?: number;
}

export const networkStats = ['bytes_in', 'bytes_out', 'packets_in', 'packets_out'] as const;
export type NetworkStat = (typeof networkStats)[number];

export interface Connections {
  readonly connections?: readonly Connection[];
  readonly total?: number;
}

export interface Connection {
  readonly remote_addr: string;
  readonly local_port?: number;
  readonly local_interface?: string;
}

/** Each has one value, in a list of one. */
export type CustomMetrics = Readonly<Record<string, readonly [CustomValue]>>;

export type CustomValue =
  | { readonly number: number }
  | { readonly number_list: readonly number[] }
  | { readonly string_list: readonly string[] }
  | { readonly ip_list: readonly string[] };
