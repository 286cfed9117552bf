import type { Json, JsonObject } from '@fleetward/core';
import { ReportRefusal } from './refusal.ts';

/** AWS IoT's names of what is in a report, and the short one that a device may say in the place of each. */
export const shortNames = {
  header: 'hed',
  report_id: 'rid',
  version: 'v',
  metrics: 'met',
  listening_tcp_ports: 'tp',
  listening_udp_ports: 'up',
  ports: 'pts',
  port: 'pt',
  interface: 'if',
  total: 't',
  network_stats: 'ns',
  bytes_in: 'bi',
  bytes_out: 'bo',
  packets_in: 'pi',
  packets_out: 'po',
  tcp_connections: 'tc',
  established_connections: 'ec',
  connections: 'cs',
  remote_addr: 'rad',
  local_port: 'lp',
  local_interface: 'li',
  custom_metrics: 'cmet',
} as const;

export type LongName = keyof typeof shortNames;

/** What an object has by the long or the short name. Throws `ReportRefusal` when it has both. */
export function memberOf(object: JsonObject, name: LongName): Json | undefined {
  const short = shortNames[name];
  const long = own(object, name);
  if (long === undefined) return own(object, short);
  if (Object.hasOwn(object, short)) throw new ReportRefusal(`${name} is given twice, also as ${short}`);
  return long;
}

/** What the object itself has: a key may be named as what every object inherits. */
function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
