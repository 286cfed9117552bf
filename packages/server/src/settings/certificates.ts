import { Type } from 'typebox';
import { count, flag, section } from './kinds.ts';

const uriTemplate = 'uri:[a-z][a-z0-9+.-]*://[!-~]+';
const dnsPart = '([a-z0-9-]|\\$\\{name\\})+';

const altNames = (whose: string, pattern: string) =>
  Type.Array(Type.String({ maxLength: 250, pattern: `^(${pattern})$` }), {
    default: [],
    maxItems: 8,
    description: `Alternative names of ${whose}.`,
  });

export const certificates = section(
  {
    deviceValidityDays: count(365, 'Validity of a device certificate, its key in a TPM or not.', {
      maximum: 3_650,
    }),
    claimValidityDays: count(365, 'Validity of a claim certificate, which may only provision.', {
      maximum: 3_650,
    }),
    operatorValidityDays: count(90, 'Validity of an operator’s certificate.', { maximum: 366 }),
    altNames: section(
      {
        device: altNames(
          'devices, also of those with their key in a TPM, not of those that a claim brought',
          `dns:${dnsPart}(\\.${dnsPart})*|${uriTemplate}`,
        ),
        operator: altNames('operators, `uri:` alone', uriTemplate),
      },
      'Alternative names by template, beside those that the profile has by itself: `dns:${name}.pumps.example`, `uri:spiffe://example/pump/${name}`, where `${name}` is the common name. A DNS name that cannot be one is left out. What is renewed keeps the names it has and gets those it lacks.',
    ),
    graceDays: count(
      30,
      'How long after its end a device certificate may still re-enrol, and nothing else; 0: not at all.',
      { minimum: 0, maximum: 3_650 },
    ),
    policiesPerCertificateMax: count(10, 'Policies attached to one certificate.', { maximum: 100 }),
    activePerThingMax: count(
      8,
      'Certificates of one thing that are neither revoked for ever nor expired, above which none of them is renewed.',
      { maximum: 1_000 },
    ),
    serverValidityDays: count(90, 'Validity of the server certificate; renewed by itself after two thirds.', {
      maximum: 825,
    }),
    ocspValidityMinutes: count(60, 'Time until an OCSP answer’s nextUpdate; signed again after half of it.', {
      maximum: 10_080,
    }),
    ocspSignaturesPerSecondMax: count(
      100,
      'OCSP answers a second that are signed, for all who ask together, at most half of them with a nonce or about several certificates; above it what is kept is given without the nonce, or they are told to try later.',
      { maximum: 100_000 },
    ),
    crlValidityHours: count(24, 'Time until a CRL’s nextUpdate; re-signed at half of it.', {
      maximum: 8_760,
    }),
  },
  'The certificate authority.',
);

export const enrollment = section(
  {
    linkingRequired: flag(
      false,
      'Whether a CSR must prove by its challenge password that it was made for its TLS connection (tls-unique, tls-exporter); one that is wrong is refused in any case.',
    ),
    serverKeygen: flag(
      false,
      'Whether EST `/serverkeygen` makes keys for devices that cannot; such a key was once elsewhere than in its device.',
    ),
    attemptsKeptMax: count(10_000, 'Attempts to enrol or renew that are kept for operators, the newest.', {
      maximum: 1_000_000,
    }),
    strangersKeptMax: count(
      1_000,
      'Attempts by those who showed no join token or certificate that the platform knows: the newest, apart from the others.',
      { maximum: 1_000_000 },
    ),
    refusalsStoredPerSecondMax: count(
      20,
      'Refused attempts a second that are kept; more are only counted among the denials.',
      { maximum: 10_000 },
    ),
    inFlightMax: count(256, 'Attempts at once; one more is told to come again.', { maximum: 100_000 }),
  },
  'How devices come in and renew.',
);

export const endorsements = section(
  {
    rootsMax: count(
      100,
      'CAs of TPM vendors that are trusted; all of them are looked at for a key that is not listed itself.',
      { maximum: 1_000 },
    ),
  },
  'Which TPMs are trusted.',
);

export const issuanceLog = section(
  {
    headSeconds: count(
      3_600,
      'A head of the log is signed with each batch of new entries, and after so many seconds also when nothing was issued.',
      { maximum: 86_400 },
    ),
    compareHours: count(
      24,
      'The registry is compared with the log at the start, and each time after so many hours.',
      { maximum: 720 },
    ),
    incidentsMax: count(
      1_000,
      'Certificates that are not in the log: those kept in memory for operators, and those that one comparison tells in the trail; more are only counted.',
      { maximum: 100_000 },
    ),
    unregisteredPerSecondMax: count(
      1,
      'Connections a second that are told of whose certificate a CA of the platform signed and nobody recorded; more are only counted.',
      { maximum: 1_000 },
    ),
  },
  'The log of issued certificates.',
);

export const renewals = section(
  {
    openMax: count(10, 'Renewal campaigns that are not over.', { maximum: 100 }),
    membersMax: count(20_000, 'Certificates of one renewal campaign.', { maximum: 100_000 }),
    keptMax: count(50, 'Renewal campaigns that are over and still listed.', { maximum: 1_000 }),
  },
  'Renewal campaigns.',
);

export const experimental = section(
  {
    mlDsa: flag(
      false,
      'Take CSRs with ML-DSA keys, and make CAs that sign with ML-DSA (FIPS 204, RFC 9881); devices and clients must know it (docs/how-to/ml-dsa.md).',
    ),
  },
  'What may still change, and what the peers of a platform do not all know yet.',
);

export const weakKeyBlacklist = Type.Array(Type.String({ minLength: 1, maxLength: 4_096 }), {
  default: [],
  maxItems: 16,
  description:
    'Files with lists of weak RSA keys in the form of Debian’s `openssl-blacklist` (CVE-2008-0166), relative to `folder`: a CSR with such a key is refused, and so is a certificate with one, or under a CA with one (docs/how-to/weak-keys.md).',
});
