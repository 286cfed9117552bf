import { type Static, Type } from 'typebox';
import {
  certificates,
  endorsements,
  enrollment,
  experimental,
  issuanceLog,
  renewals,
  weakKeyBlacklist,
} from './settings/certificates.ts';
import { ddi } from './settings/ddi.ts';
import { deviceMetrics } from './settings/device-metrics.ts';
import { events } from './settings/events.ts';
import { clones, groups, presence, search, thingTypes } from './settings/fleet.ts';
import { jobs } from './settings/jobs.ts';
import { hsm, masterKey, previousMasterKeys } from './settings/keys.ts';
import { section, text } from './settings/kinds.ts';
import { httpLimits, listeners, plainMqtt, reservedTopics, tlsLimits } from './settings/listeners.ts';
import { mqttLimits } from './settings/mqtt.ts';
import { activity, guardrails, proofLimits, trials } from './settings/policies.ts';
import { provisioning, vendorCas } from './settings/provisioning.ts';
import { denials, trail } from './settings/records.ts';
import { campaigns, director, releases } from './settings/releases.ts';
import { shadows } from './settings/shadows.ts';
import { storage, storageLimits } from './settings/storage.ts';

// The schema is the documentation: docs/reference/settings.md is generated from the descriptions and defaults here and in settings/.

/** Every setting of the platform with its default, bounds and unit. */
export const settings = section(
  {
    folder: text('fleetward-data', 'Folder of the records, the keys and the artifacts.'),
    node: Type.String({
      default: 'node-1',
      pattern: '^[a-z0-9-]{1,64}$',
      description: 'Name of this process in the trail.',
    }),
    region: Type.String({
      default: 'local',
      pattern: '^[a-z0-9-]{1,64}$',
      description: 'The region of policy ARNs; the literal REGION is bound to it.',
    }),
    accountId: Type.String({
      default: '000000000000',
      pattern: '^[0-9]{12}$',
      description: 'The account of policy ARNs; the literal ACCOUNT_ID is bound to it.',
    }),
    serverNames: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      default: ['localhost', '127.0.0.1'],
      minItems: 1,
      maxItems: 32,
      description:
        'DNS names and addresses devices and operators reach the platform by; they go into its certificate.',
    }),
    publicUrl: Type.String({
      default: '',
      description:
        'Base URL of the public listener as devices see it, for the addresses of CRL and OCSP in certificates; empty: made from the first server name.',
    }),
    proxyAddresses: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      default: [],
      maxItems: 64,
      description:
        'Addresses and networks (`10.0.0.0/8`) of proxies before the listeners `mqtt` and `devices`: each of their connections must begin with a header of PROXY protocol v2, and is of the address that it names. From nobody else one is read.',
    }),
    logLevel: Type.Union(
      [
        Type.Literal('trace'),
        Type.Literal('debug'),
        Type.Literal('info'),
        Type.Literal('warn'),
        Type.Literal('error'),
        Type.Literal('silent'),
      ],
      { default: 'info', description: 'Least level that is logged, to standard error as JSON lines.' },
    ),
    listeners,
    plainMqtt,
    storage,
    storageLimits,
    masterKey,
    previousMasterKeys,
    hsm,
    weakKeyBlacklist,
    experimental,
    tlsLimits,
    mqttLimits,
    httpLimits,
    certificates,
    enrollment,
    endorsements,
    renewals,
    issuanceLog,
    reservedTopics,
    shadows,
    deviceMetrics,
    provisioning,
    vendorCas,
    trail,
    releases,
    campaigns,
    director,
    ddi,
    jobs,
    groups,
    thingTypes,
    presence,
    events,
    search,
    activity,
    guardrails,
    proofLimits,
    trials,
    clones,
    denials,
  },
  'Settings of `fleetward serve`.',
);

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;
export type Config = DeepReadonly<Static<typeof settings>>;
