import { type Json, utf8 } from '@fleetward/core';
import { encodeCbor } from '@fleetward/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numbersOf } from '../../src/device-metrics/numbers.ts';
import { readReport } from '../../src/device-metrics/read-report.ts';
import { ReportRefusal } from '../../src/device-metrics/refusal.ts';
import { limits, reportOf, shortened } from './sample.ts';

const json = (value: unknown) => readReport(utf8(JSON.stringify(value)), 'json', limits);
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value));

const port = fc.integer({ min: 0, max: 65_535 });
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const text = fc.string({ maxLength: 40, unit: fc.constantFrom('a', 'é', '0', ':', '.') });
const optional: { requiredKeys: never[] } = { requiredKeys: [] };
const ports = fc.record(
  {
    ports: fc.array(fc.record({ port, interface: text }, { requiredKeys: ['port'] }), { maxLength: 4 }),
    total: count,
  },
  optional,
);
const connection = fc.record(
  { remote_addr: text, local_port: port, local_interface: text },
  { requiredKeys: ['remote_addr'] },
);
const connections = fc.record(
  { connections: fc.array(connection, { maxLength: 4 }), total: count },
  optional,
);
const metrics = fc.record(
  {
    listening_tcp_ports: ports,
    listening_udp_ports: ports,
    network_stats: fc.record(
      { bytes_in: count, bytes_out: count, packets_in: count, packets_out: count },
      optional,
    ),
    tcp_connections: fc.record({ established_connections: connections }, optional),
  },
  optional,
);
const value = fc.oneof(
  fc.record({ number }),
  fc.record({ number_list: fc.array(number, { maxLength: 4 }) }),
  fc.record({ string_list: fc.array(text, { maxLength: 4 }) }),
  fc.record({ ip_list: fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 4 }) }),
);
const name = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'B', '0', '_', '-') });
const custom = fc.dictionary(name, fc.tuple(value), { maxKeys: 5 });
const report = fc
  .record(
    { header: fc.record({ report_id: count, version: fc.constant('1.0') }), metrics, custom_metrics: custom },
    { requiredKeys: ['header'] },
  )
  .filter((made) => made.metrics !== undefined || made.custom_metrics !== undefined);

describe('a report', () => {
  test('is the same in long and short names, in JSON and CBOR', () => {
    fc.assert(
      fc.property(report, fc.infiniteStream(fc.boolean()), (made, isShort) => {
        const kept = asJson(made);
        const sent = shortened(kept, () => isShort.next().value);
        expect(json(sent)).toEqual(kept);
        expect(readReport(encodeCbor(sent), 'cbor', limits)).toEqual(kept);
      }),
    );
  });

  test('has the short names that AWS IoT gives them', () => {
    const sent = {
      hed: { rid: 1, v: '1.0' },
      met: {
        tp: { pts: [{ if: 'eth0', pt: 24_800 }], t: 1 },
        up: { pts: [{ pt: 5_353 }], t: 1 },
        ns: { bi: 1, bo: 2, pi: 3, po: 4 },
        tc: { ec: { cs: [{ li: 'eth0', lp: 80, rad: '192.0.2.1:8000' }], t: 1 } },
      },
      cmet: { number_of_things: [{ number: 1 }] },
    };
    expect(json(sent)).toEqual({
      header: { report_id: 1, version: '1.0' },
      metrics: {
        listening_tcp_ports: { ports: [{ interface: 'eth0', port: 24_800 }], total: 1 },
        listening_udp_ports: { ports: [{ port: 5_353 }], total: 1 },
        network_stats: { bytes_in: 1, bytes_out: 2, packets_in: 3, packets_out: 4 },
        tcp_connections: {
          established_connections: {
            connections: [{ local_interface: 'eth0', local_port: 80, remote_addr: '192.0.2.1:8000' }],
            total: 1,
          },
        },
      },
      custom_metrics: { number_of_things: [{ number: 1 }] },
    });
  });

  test('says its numbers by the names that AWS IoT gives them, and counts what has no total', () => {
    expect(numbersOf(reportOf(1))).toEqual({
      'aws:num-listening-tcp-ports': 2,
      'aws:num-listening-udp-ports': 1,
      'aws:num-established-tcp-connections': 3,
      'aws:all-bytes-in': 1_000,
      'aws:all-bytes-out': 2_000,
      'aws:all-packets-in': 10,
      'aws:all-packets-out': 20,
      battery: 87.5,
    });
    expect(numbersOf({ header: { report_id: 1, version: '1.0' }, metrics: {} })).toEqual({});
  });

  test('may hold what a later minor version names, and that is not kept', () => {
    const { header, metrics } = reportOf(7);
    const later = {
      header: { ...header, version: '1.7', zone: 1 },
      metrics: { ...metrics, extra: {} },
      more: [],
    };
    expect(json(later)).toEqual({ header: { ...header, version: '1.7' }, metrics });
  });
});

describe('rejected is', () => {
  const header = { report_id: 1, version: '1.0' };
  const metrics = {};
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['no object', [], /the report is no object/],
    ['no header', { metrics }, /header is missing/],
    ['no report id', { header: { version: '1.0' }, metrics }, /report_id is missing/],
    ['a report id that is text', { header: { ...header, report_id: '1' }, metrics }, /report_id is no whole/],
    ['a report id below zero', { header: { ...header, report_id: -1 }, metrics }, /report_id is no whole/],
    [
      'a report id beyond a double',
      { header: { ...header, report_id: 2 ** 53 }, metrics },
      /report_id is no/,
    ],
    ['another major version', { header: { ...header, version: '2.0' }, metrics }, /version is no 1\.x/],
    ['a report of nothing', { header }, /neither metrics nor custom_metrics/],
    ['a name that is given twice', { header, hed: header, metrics }, /header is given twice/],
    ['a port beyond 65535', { header, met: { tp: { pts: [{ pt: 65_536 }] } } }, /above 65535/],
    ['a count below zero', { header, met: { up: { t: -1 } } }, /listening_udp_ports\.total/],
    ['a figure below zero', { header, met: { ns: { bi: -1 } } }, /bytes_in is below 0/],
    ['a long list', { header, met: { tp: { pts: Array(501).fill({ pt: 1 }) } } }, /more than 500 items/],
    [
      'a text with a control character',
      { header, met: { tc: { ec: { cs: [{ rad: '\n' }] } } } },
      /remote_addr/,
    ],
    ['a custom metric of no list', { header, cmet: { a: { number: 1 } } }, /custom_metrics\.a is no list/],
    ['one of two values', { header, cmet: { a: [{ number: 1 }, { number: 2 }] } }, /no list of one value/],
    ['one of two kinds', { header, cmet: { a: [{ number: 1, ip_list: [] }] } }, /not one member/],
    ['one of no known kind', { header, cmet: { a: [{ text: 'b' }] } }, /no number, number_list/],
    ['an address that is none', { header, cmet: { a: [{ ip_list: ['1.2.3'] }] } }, /no IP address/],
    [
      'a name of AWS IoT',
      { header, cmet: { 'aws:all-bytes-in': [{ number: 1 }] } },
      /does not begin with aws:/,
    ],
    [
      'too many custom metrics',
      {
        header,
        cmet: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`m${at}`, [{ number: 1 }]])),
      },
      /more than 50 metrics/,
    ],
  ];
  test.each(cases)('%s', (_, sent, message) => {
    expect(() => json(sent)).toThrow(message);
    expect(() => json(sent)).toThrow(ReportRefusal);
    expect(() => readReport(encodeCbor(sent as Json), 'cbor', limits)).toThrow(message);
  });

  test('what is no JSON, nested without end or too long', () => {
    for (const text of [
      '',
      '{',
      `{"header":${'['.repeat(10_000)}`,
      JSON.stringify({ header, a: 'x'.repeat(131_072) }),
    ])
      expect(() => readReport(utf8(text), 'json', limits)).toThrow(ReportRefusal);
    expect(() => readReport(Uint8Array.of(0xbf, 0xff), 'cbor', limits)).toThrow(ReportRefusal);
  });
});
