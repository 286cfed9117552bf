import { isDeepStrictEqual } from 'node:util';
import { type Json, utf8 } from '@fleetward/core';
import { encodeCbor } from '@fleetward/protocol';
import { numbersOf } from '../src/device-metrics/numbers.ts';
import { readReport } from '../src/device-metrics/read-report.ts';
import { ReportRefusal } from '../src/device-metrics/refusal.ts';

const limits = { reportBytesMax: 16_384, listItemsMax: 50, customMetricsMax: 10 };
/** What is kept may be longer than what was sent: its names are. */
const keptLimits = { ...limits, reportBytesMax: 10 * limits.reportBytesMax };

const long = {
  header: { report_id: 1, version: '1.0' },
  metrics: {
    listening_tcp_ports: { ports: [{ port: 22, interface: 'eth0' }], total: 1 },
    network_stats: { bytes_in: 1, packets_out: 2.5 },
    tcp_connections: { established_connections: { connections: [{ remote_addr: '192.0.2.1:1' }], total: 1 } },
  },
  custom_metrics: { a: [{ number: 1 }], b: [{ ip_list: ['::1'] }] },
};
const short = {
  hed: { rid: 1, v: '1.0' },
  met: { up: { pts: [{ pt: 53 }], t: 1 }, ns: { bo: 1 }, tc: { ec: { cs: [{ rad: 'a', lp: 1, li: 'b' }] } } },
  cmet: { a: [{ string_list: ['x'] }], b: [{ number_list: [-0.5, 1e300] }] },
};

export const seeds: readonly Uint8Array[] = [
  ...[long, short].flatMap((report) => [utf8(JSON.stringify(report)), encodeCbor(report)]),
  utf8('{"header":{"report_id":1,"rid":1,"version":"1.0"},"metrics":{}}'),
  utf8(`{"header":${'{"a":'.repeat(3_000)}`),
];

/** Whatever a device sends is refused, or kept in a form that reads as itself again. */
export function fuzz(input: Uint8Array): void {
  for (const form of ['json', 'cbor'] as const) {
    try {
      const report = readReport(input, form, limits);
      const text = JSON.stringify(report);
      for (const number of Object.values(numbersOf(report)))
        if (!Number.isFinite(number)) throw new Error('a number that is not finite');
      const kept: Json = JSON.parse(text);
      const again = [
        readReport(utf8(text), 'json', keptLimits),
        readReport(encodeCbor(kept), 'cbor', keptLimits),
      ];
      if (!again.every((one) => isDeepStrictEqual(one, kept)))
        throw new Error('what is kept reads differently');
    } catch (error) {
      if (!(error instanceof ReportRefusal)) throw error;
    }
  }
}
