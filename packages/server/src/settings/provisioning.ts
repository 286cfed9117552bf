import { Type } from 'typebox';
import { count, section } from './kinds.ts';

export const provisioning = section(
  {
    templatesMax: count(100, 'Provisioning templates.', { maximum: 10_000 }),
    claimsMax: count(10_000, 'Claim certificates that have not ended.', { maximum: 1_000_000 }),
    tokenMinutes: count(
      60,
      'How long a certificate that was asked for with a claim can be provisioned; then it is deleted.',
      { maximum: 1_440 },
    ),
    pendingPerClaimMax: count(1_000, 'Certificates of one claim that wait to be provisioned.', {
      maximum: 1_000_000,
    }),
    requestsPerSecondPerClaimMax: count(50, 'Requests a second of one claim, and as many at once.', {
      maximum: 10_000,
    }),
    inFlightMax: count(256, 'Provisioning requests under way at once, of all claims.', { maximum: 10_000 }),
    hookHosts: Type.Array(Type.String({ minLength: 1, maxLength: 259 }), {
      default: [],
      maxItems: 64,
      description:
        'Hosts (`factory.example`, `factory.example:8443`) that pre-provisioning hooks may be at; others are not asked.',
    }),
    hookMayBeLoopback: Type.Boolean({
      default: false,
      description: 'Whether a hook may be on this machine.',
    }),
    hookCaFile: Type.String({
      default: '',
      description:
        'PEM file of the authorities that the certificates of hooks must chain to; empty: those that Node.js trusts.',
    }),
    hookTimeoutMs: count(5_000, 'A hook whose whole answer takes longer has refused.', { maximum: 30_000 }),
    hookAnswerBytesMax: count(16_384, 'A hook whose answer is larger has refused.', { maximum: 1_048_576 }),
    hooksInFlightMax: count(64, 'Hooks that are asked at once; for one more device the answer is no.', {
      maximum: 10_000,
    }),
  },
  'Fleet provisioning with claims.',
);

export const vendorCas = section(
  {
    casMax: count(32, 'Vendor CAs, inactive ones included.', { maximum: 1_000 }),
    codeHours: count(168, 'How long a registration code can be used.', { maximum: 8_760 }),
    codesMax: count(100, 'Registration codes that wait to be used.', { maximum: 10_000 }),
    certificatesPerCaMax: count(
      100_000,
      'Certificates of one vendor CA in the registry, whatever their state; no more come in.',
      { maximum: 10_000_000 },
    ),
    firstConnectionsPerSecondPerCaMax: count(
      20,
      'First connections of one vendor CA that are looked at in a second, and as many at once.',
      { maximum: 10_000 },
    ),
    firstConnectionsPerSecondMax: count(50, 'The same for all vendor CAs together.', { maximum: 10_000 }),
    firstConnectionsInFlightMax: count(64, 'First connections that are looked at at once.', {
      maximum: 10_000,
    }),
    refusedAgainSeconds: count(
      10,
      'How long a certificate whose first connection was refused is not looked at again.',
      { maximum: 3_600 },
    ),
  },
  'CAs of vendors, whose devices come in by certificates of them.',
);
