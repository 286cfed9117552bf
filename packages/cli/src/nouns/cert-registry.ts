import { getCertificate, listCertificates, type Part } from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb, limit } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';

type ListQuery = NonNullable<Part<(typeof listCertificates)['query']>>;

interface ListFlags {
  readonly limit: number;
  readonly state?: NonNullable<ListQuery['state']>;
  readonly profile?: NonNullable<ListQuery['profile']>;
  readonly issuer?: string;
  readonly thing?: string;
  readonly expiresWithin?: string;
}

const states: readonly NonNullable<ListFlags['state']>[] = [
  'PENDING_ACTIVATION',
  'ACTIVE',
  'INACTIVE',
  'REVOKED',
  'EXPIRED',
];
const profiles: readonly NonNullable<ListFlags['profile']>[] = [
  'device',
  'provisioned',
  'tpm-device',
  'claim',
  'operator',
  'server',
  'vendor',
];

function queryOf({ state, profile, issuer, thing, expiresWithin }: ListFlags): ListQuery {
  return {
    ...(state === undefined ? {} : { state }),
    ...(profile === undefined ? {} : { profile }),
    ...(issuer === undefined ? {} : { issuerId: issuer }),
    ...(thing === undefined ? {} : { thingName: thing }),
    ...(expiresWithin === undefined
      ? {}
      : { endsWithinMs: parseDurationMs(expiresWithin, '--expires-within') }),
  };
}

export function addCertList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the certificates',
    description:
      'Lists certificates by id, the SHA-256 of their DER: all, or those that every flag is true of.',
    examples: [
      'fleetward cert list',
      'fleetward cert list --expires-within 30d --state ACTIVE',
      'fleetward cert list --state REVOKED --json | jq -r .certificateId',
    ],
  })
    .addOption(new Option('--state <state>', 'only those in a state').choices(states))
    .addOption(new Option('--profile <profile>', 'only those of a profile').choices(profiles))
    .option('--issuer <ca-id>', 'only those of a CA')
    .option('--thing <name>', 'only those that speak for a thing')
    .option('--expires-within <duration>', 'only those that end within a time such as `30d`')
    .addOption(limit())
    .action(async (flags: ListFlags) => {
      const wanted = queryOf(flags);
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (query) => {
          const { certificates, next } = await api.call(listCertificates, { query: { ...wanted, ...query } });
          return { items: certificates, next };
        }),
      );
      output.list(
        items,
        {
          certificate: (row) => row.certificateId,
          subject: (row) => row.subject,
          profile: (row) => row.profile,
          state: stateText,
          'valid until': (row) => ({ atMs: row.notAfterMs }),
        },
        'no certificates',
      );
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function stateText({
  state,
  issuerRemoved,
}: {
  readonly state: string;
  readonly issuerRemoved?: boolean;
}): string {
  return issuerRemoved === true ? `${state}, but its CA is removed` : state;
}

export function addCertShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <certificate-id>', {
    summary: 'show a certificate',
    description:
      'Shows a certificate, the things it speaks for and the policies attached to it; `--json` has it in PEM.',
    examples: [
      'fleetward cert show 9f86d081884c7d65…',
      'fleetward cert show 9f86d081884c7d65… --json | jq -r .pem | openssl x509 -text',
    ],
  }).action(async (certificateId: string) => {
    const found = await withApi((api) => api.call(getCertificate, { params: { certificateId } }));
    output.record(found, {
      certificate: found.certificateId,
      subject: found.subject,
      serial: found.serial,
      issuer: found.issuerId,
      profile: found.profile,
      state: stateText(found),
      issued: { atMs: found.issuedAtMs },
      'valid from': { atMs: found.notBeforeMs },
      'valid until': { atMs: found.notAfterMs },
      ...(found.revokedAtMs === undefined
        ? {}
        : { revoked: { atMs: found.revokedAtMs }, reason: found.revocationReason }),
      ...(found.isUnrecorded
        ? { 'in the records': 'not yet, the database failed: repeat `fleetward cert revoke`' }
        : {}),
      ...(found.renews === undefined ? {} : { 'renewed from': found.renews }),
      things: found.thingNames.join(' '),
      policies: found.policyNames.join(' '),
    });
  });
}
