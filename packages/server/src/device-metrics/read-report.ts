import { InvalidInputError, type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { parseCbor } from '@fleetward/protocol';
import { type LongName, memberOf } from './names.ts';
import { readCustomMetrics } from './read-custom-metrics.ts';
import { countOf, defined, listOf, numberOf, objectOf, portOf, textOf } from './read-values.ts';
import { ReportRefusal } from './refusal.ts';
import {
  type Connection,
  type Connections,
  type ListeningPorts,
  type Metrics,
  type MetricsReport,
  networkStats,
} from './report.ts';

/** The forms of payloads, by the last level of the topic. */
export type ReportForm = 'json' | 'cbor';

export interface ReportLimits {
  readonly reportBytesMax: number;
  readonly listItemsMax: number;
  readonly customMetricsMax: number;
}

/** Room for what later minor versions may nest deeper than the six levels of this one. */
const depthMax = 8;
const valuesMax = 20_000;

/**
 * Reads a report in long or short names, mixed as it may be. Members that nobody knows mean nothing: a later minor version may have them.
 * Throws `ReportRefusal`.
 */
export function readReport(payload: Uint8Array, form: ReportForm, limits: ReportLimits): MetricsReport {
  const document = objectOf(parse(payload, form, limits), 'the report');
  const header = readHeader(document);
  const metrics = within(document, 'metrics', (value) => readMetrics(value, limits));
  const custom = within(document, 'custom_metrics', (value) => readCustomMetrics(value, limits));
  if (metrics === undefined && custom === undefined)
    throw new ReportRefusal('there is neither metrics nor custom_metrics');
  return { header, ...defined({ metrics, custom_metrics: custom }) };
}

function parse(payload: Uint8Array, form: ReportForm, { reportBytesMax: bytesMax }: ReportLimits): Json {
  const limits = { bytesMax, depthMax, valuesMax };
  try {
    return form === 'json' ? parseStrictJson(payload, limits) : parseCbor(payload, limits);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new ReportRefusal(`the payload cannot be read as ${form}: ${error.message}`);
  }
}

function readHeader(document: JsonObject): MetricsReport['header'] {
  const header = objectOf(memberOf(document, 'header'), 'header');
  const reportId = countOf(memberOf(header, 'report_id'), 'report_id');
  const version = textOf(memberOf(header, 'version'), 'version');
  if (!/^1\.[0-9]{1,3}$/.test(version)) throw new ReportRefusal('version is no 1.x, such as 1.0');
  return { report_id: reportId, version };
}

function readMetrics(metrics: JsonObject, limits: ReportLimits): Metrics {
  const ports = (name: 'listening_tcp_ports' | 'listening_udp_ports') =>
    within(metrics, name, (value) => readPorts(value, name, limits));
  return defined({
    listening_tcp_ports: ports('listening_tcp_ports'),
    listening_udp_ports: ports('listening_udp_ports'),
    network_stats: within(metrics, 'network_stats', readNetworkStats),
    tcp_connections: within(metrics, 'tcp_connections', (value) =>
      defined({
        established_connections: within(value, 'established_connections', (inner) =>
          readConnections(inner, limits),
        ),
      }),
    ),
  });
}

function readPorts(value: JsonObject, where: LongName, { listItemsMax }: ReportLimits): ListeningPorts {
  const ports = given(memberOf(value, 'ports'), (list) =>
    listOf(list, `${where}.ports`, listItemsMax).map((item) => {
      const entry = objectOf(item, `an item of ${where}.ports`);
      const port = portOf(memberOf(entry, 'port'), `a port of ${where}`);
      const name = given(memberOf(entry, 'interface'), (text) => textOf(text, `an interface of ${where}`));
      return { port, ...defined({ interface: name }) };
    }),
  );
  const total = given(memberOf(value, 'total'), (count) => countOf(count, `${where}.total`));
  return defined({ ports, total });
}

function readNetworkStats(value: JsonObject): NonNullable<Metrics['network_stats']> {
  const entries = networkStats.flatMap((name) => {
    const figure = memberOf(value, name);
    return figure === undefined ? [] : [[name, numberOf(figure, `network_stats.${name}`, 0)] as const];
  });
  return Object.fromEntries(entries);
}

function readConnections(value: JsonObject, { listItemsMax }: ReportLimits): Connections {
  const where = 'established_connections';
  const connections = given(memberOf(value, 'connections'), (list) =>
    listOf(list, `${where}.connections`, listItemsMax).map(readConnection),
  );
  const total = given(memberOf(value, 'total'), (count) => countOf(count, `${where}.total`));
  return defined({ connections, total });
}

function readConnection(item: Json): Connection {
  const entry = objectOf(item, 'an item of established_connections.connections');
  return {
    remote_addr: textOf(memberOf(entry, 'remote_addr'), 'remote_addr'),
    ...defined({
      local_port: given(memberOf(entry, 'local_port'), (port) => portOf(port, 'local_port')),
      local_interface: given(memberOf(entry, 'local_interface'), (text) => textOf(text, 'local_interface')),
    }),
  };
}

function within<Value>(
  object: JsonObject,
  name: LongName,
  read: (value: JsonObject) => Value,
): Value | undefined {
  return given(memberOf(object, name), (value) => read(objectOf(value, name)));
}

function given<Value>(value: Json | undefined, read: (value: Json) => Value): Value | undefined {
  return value === undefined ? undefined : read(value);
}
