import { Type } from 'typebox';
import { count, section, text } from './kinds.ts';

function listener(host: string, port: number, description: string) {
  return section(
    {
      host: text(host, 'Address to listen on.'),
      port: Type.Integer({
        default: port,
        minimum: 0,
        maximum: 65_535,
        description: 'TCP port; 0 takes a free one.',
      }),
    },
    description,
  );
}

export const listeners = section(
  {
    mqtt: listener('0.0.0.0', 8883, 'MQTT over mutual TLS, for devices.'),
    devices: listener(
      '0.0.0.0',
      8443,
      'HTTPS with client certificates: EST, updates, reports; and MQTT by ALPN.',
    ),
    public: listener('0.0.0.0', 8080, 'Plain HTTP: CRLs and OCSP answers, which are signed and public.'),
    operators: listener('127.0.0.1', 9443, 'HTTPS API for operators.'),
  },
  'Where the platform listens.',
);

export const plainMqtt = Type.Union(
  [
    Type.Object({ kind: Type.Literal('off') }, { additionalProperties: false }),
    Type.Object(
      {
        kind: Type.Literal('loopback'),
        host: text('127.0.0.1', 'A loopback address.'),
        port: Type.Integer({ minimum: 0, maximum: 65_535 }),
        certificateId: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      },
      { additionalProperties: false },
    ),
  ],
  {
    default: { kind: 'off' },
    description:
      'MQTT without TLS, for programs on this machine: `{kind: off}`, or `{kind: loopback, host: 127.0.0.1, port: 1883, certificateId: …}`. Whoever reaches it speaks as that certificate; on an address that is not loopback the platform does not start.',
  },
);

export const tlsLimits = section(
  {
    handshakeTimeoutMs: count(10_000, 'A TLS handshake that takes longer is cut.', { maximum: 120_000 }),
    connectionsMax: count(20_000, 'Connections at once a listener; one more is cut at once.'),
    connectionsPerAddressMax: count(
      20_000,
      'Connections at once from one address; lower it where devices are not behind one NAT.',
    ),
    anonymousConnectionsMax: count(
      500,
      'Connections at once without a client certificate, which only enrolment needs; one more is cut.',
    ),
    anonymousConnectionsPerAddressMax: count(50, 'Of these from one address (IPv6: one /64).'),
    anonymousIdleMs: count(20_000, 'How long such a connection may be silent in both directions.', {
      maximum: 600_000,
    }),
    connectionsPerCertificateMax: count(10, 'Connections at once of one certificate, over all listeners.'),
    knownCertificatesMax: count(
      8_192,
      'Parsed certificates kept of devices that were admitted, about 3 kB each and 4 kB more for the rights that were compiled for the last connection; one more forgets the one not asked for longest, which is parsed and verified anew when it comes back.',
    ),
    connectsPerSecondMax: count(
      50,
      'MQTT CONNECTs a second of one certificate, and as many at once; one more is refused (0x9F; MQTT 3.1.1: return code 3).',
    ),
  },
  'Limits of the TLS listeners for devices.',
);

export const httpLimits = section(
  {
    headerBytesMax: count(16_384, 'Request line and headers.', { maximum: 65_536 }),
    bodyBytesMax: count(262_144, 'Body of a request, uploads excepted.', { maximum: 16_777_216 }),
    uploadBytesMax: count(4_294_967_296, 'Body of an artifact upload.'),
    headersTimeoutMs: count(10_000, 'Time for the headers to arrive.', { maximum: 120_000 }),
    requestTimeoutMs: count(60_000, 'Time for a whole request, uploads excepted.', { maximum: 600_000 }),
    connectionsMax: count(2_000, 'Connections at once a listener.'),
    connectionsPerAddressMax: count(
      100,
      'Connections at once from one address (IPv6: one /64), on the public and the operators’ listener.',
    ),
    deviceRequestsPerSecondMax: count(
      50,
      'Requests a second of one device certificate, and as many at once, then 429; without one, of one connection.',
      { maximum: 100_000 },
    ),
    stalledWriteMs: count(30_000, 'How long an answer may make no progress before the connection is cut.', {
      maximum: 600_000,
    }),
    lingerMs: count(
      3_000,
      'How long the rest of a refused request is still read, so that its client sees why.',
      {
        maximum: 60_000,
      },
    ),
    requestsPerSocketMax: count(1_000, 'Requests on one kept-alive connection.'),
    reportsPerSecondMax: count(10, 'Reports a second of one thing, and as many at once, then 429.', {
      maximum: 10_000,
    }),
    failedAuthenticationsPerMinuteMax: count(
      30,
      'Failed authentications a minute from one address, then 429.',
    ),
  },
  'Limits of the HTTP listeners.',
);

export const reservedTopics = section(
  {
    requestsPerConnectionMax: count(
      10,
      'Requests of one connection to one service (provisioning, shadows, …) under way at once; one more is rejected.',
      {
        maximum: 1_000,
      },
    ),
    requestsMax: count(10_000, 'Requests of all connections under way at once.', { maximum: 100_000 }),
  },
  'Requests of devices to the platform itself, on `$aws/…`.',
);
