import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  parseThingName,
  type Random,
  type Signer,
  type SignerAlgorithm,
  type ThingName,
} from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { issueCertificate, type KeyRules, makeName, parsePublicKey } from '@fleetward/pki';
import { FakeClock, seededRandom } from '@fleetward/testkit';
import { Activity, type ActivityLimits } from '../../src/activity/index.ts';
import type { CaKeys } from '../../src/certificates/ca-requests.ts';
import type { AltNameSettings } from '../../src/certificates/given-names.ts';
import { type CertificateEvent, Certificates, noEffect } from '../../src/certificates/index.ts';
import type { AuthorityRecord } from '../../src/certificates/store.ts';
import { Denials, type DenialsOptions } from '../../src/denials/index.ts';
import { Endorsements } from '../../src/endorsements/index.ts';
import { Enrollment, type EnrollmentSettings } from '../../src/enrollment/index.ts';
import { type GroupEvent, type GroupLimits, Groups } from '../../src/groups/index.ts';
import { IssuanceLog } from '../../src/issuance-log/index.ts';
import { openSearch } from '../../src/open-search.ts';
import { Policies, type PolicyEvent, PolicyTrials } from '../../src/policies/index.ts';
import type { PoliciesOptions } from '../../src/policies/service.ts';
import { Presence } from '../../src/presence/index.ts';
import { Provisioning, type ProvisioningSettings } from '../../src/provisioning/index.ts';
import { RenewalCampaigns } from '../../src/renewals/index.ts';
import type { Search, SearchLimits } from '../../src/search/index.ts';
import { Shadows } from '../../src/shadows/index.ts';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { type ThingEvent, Things, ThingTypes } from '../../src/things/index.ts';
import { createTrail, type Trail } from '../../src/trail/index.ts';
import { type VendorCaEvent, VendorCas } from '../../src/vendor-cas/index.ts';
import type { VendorCasOptions } from '../../src/vendor-cas/service.ts';

const dayMs = 86_400_000;

/** The keys of a platform that is opened several times on the same folder. */
interface PlatformKeys {
  readonly root: Signer;
  readonly issuing: Signer;
  readonly trail: Signer;
  readonly issuanceLog: Signer;
  /** Of the issuing CAs after the first, by name. */
  readonly more: Map<string, Signer>;
  readonly hook: Signer;
}

const standardProvisioning: ProvisioningSettings = {
  templatesMax: 5,
  claimsMax: 20,
  tokenMinutes: 60,
  pendingPerClaimMax: 20,
  requestsPerSecondPerClaimMax: 1_000,
  inFlightMax: 100,
  hookHosts: [],
  hookMayBeLoopback: false,
  hookTimeoutMs: 5_000,
  hookAnswerBytesMax: 1_024,
  hooksInFlightMax: 4,
};

const standardSearch: SearchLimits = {
  queryLengthMax: 4_096,
  queryTermsMax: 64,
  queryDepthMax: 16,
  attributesMax: 16,
  shadowFields: [
    'shadow.reported.fw',
    'shadow.reported.mode',
    'shadow.desired.mode',
    'shadow.name.config.reported.interval',
  ],
  shadowTextLengthMax: 16,
  searchesMax: 4,
};

const standardVendorCas: VendorCasOptions['settings'] = {
  casMax: 4,
  codeHours: 1,
  codesMax: 4,
  certificatesPerCaMax: 10,
  firstConnectionsPerSecondPerCaMax: 100,
  firstConnectionsPerSecondMax: 100,
  firstConnectionsInFlightMax: 10,
  refusedAgainSeconds: 10,
};

function newKeys(): PlatformKeys {
  const ec = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return {
    root: localSigner(ec(), 'ecdsa-p256-sha256'),
    issuing: localSigner(ec(), 'ecdsa-p256-sha256'),
    trail: localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519'),
    issuanceLog: localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519'),
    more: new Map(),
    hook: localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519'),
  };
}

function caKeysOf({ issuing, more }: PlatformKeys): CaKeys {
  return {
    find: async (keyName) => {
      const signer = keyName === 'issuing-ca' ? issuing : more.get(keyName);
      return signer && { ...signer, store: 'file' };
    },
    generate: async (keyName, { algorithm, store }) => {
      const signer = localSigner(newPrivateKey(algorithm), algorithm);
      more.set(keyName, signer);
      return { ...signer, store };
    },
  };
}

function newPrivateKey(algorithm: SignerAlgorithm): KeyObject {
  if (algorithm === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (algorithm.startsWith('rsa')) return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const namedCurve = algorithm === 'ecdsa-p384-sha384' ? 'P-384' : 'P-256';
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

export interface PlatformOptions {
  readonly keyRules?: KeyRules;
  readonly guardrails?: PoliciesOptions['guardrails'];
  readonly folder: string;
  /** SQLite in the folder if not given. */
  readonly storage?: Parameters<typeof openStorage>[0];
  readonly keys?: PlatformKeys;
  readonly clock?: FakeClock;
  readonly random?: Random;
  readonly enrollment?: Partial<EnrollmentSettings>;
  readonly provisioning?: Partial<ProvisioningSettings>;
  readonly vendorCas?: Partial<VendorCasOptions['settings']>;
  readonly altNames?: Partial<AltNameSettings['altNames']>;
  readonly hookCaPem?: string;
  readonly groups?: GroupLimits;
  readonly activity?: ActivityLimits;
  readonly denials?: Partial<DenialsOptions['settings']>;
  /** Stands in front of the issuing key, to count or to fail. */
  readonly wrapSigner?: (signer: Signer) => Signer;
  readonly wrapStorage?: (storage: Storage) => Storage;
}

export type PlatformEvent = CertificateEvent | ThingEvent | GroupEvent | PolicyEvent | VendorCaEvent;

/** The domains on a real database with a CA of their own; the first opening of a folder makes the authorities. */
export async function openPlatform(options: PlatformOptions) {
  const { folder, keys = newKeys(), clock = new FakeClock(), random = seededRandom(Math.random()) } = options;
  // What comes together is one group, however slow the machine is.
  const sqlite = { kind: 'sqlite', folder, groupMs: 60_000, readers: 1 } as const;
  const opened = await openStorage(options.storage ?? sqlite);
  const storage = options.wrapStorage?.(opened) ?? opened;
  // What does not open as a whole is closed again.
  await using parts = new AsyncDisposableStack();
  parts.defer(() => storage.close());
  const { stores, transactor } = storage;
  const trail = createTrail({
    store: stores.trail('node-1'),
    node: 'node-1',
    clock,
    random,
    signer: keys.trail,
    transactor,
  });
  parts.defer(() => trail.close());
  if ((await stores.certificates.authorities()).length === 0)
    await makeAuthorities(storage, { keys, clock, random });
  const events: PlatformEvent[] = [];
  const warnings: string[] = [];
  const shared = { transactor, trail, clock, random };
  const issuanceLog = await IssuanceLog.open({
    ...shared,
    store: stores.issuanceLog,
    signer: keys.issuanceLog,
    settings: { headSeconds: 3_600 },
  });
  let search: Search | undefined;
  const changed = (thingName: ThingName): void => search?.touch(thingName);
  const certificates = await Certificates.open({
    keyRules: options.keyRules ?? {},
    ...shared,
    issuanceLog,
    store: stores.certificates,
    signer: async (keyName) => {
      const signer = keyName === 'root-ca' ? keys.root : (keys.more.get(keyName) ?? keys.issuing);
      return options.wrapSigner?.(signer) ?? signer;
    },
    caKeys: caKeysOf(keys),
    journalPath: join(folder, 'revocations.jsonl'),
    crlUrl: (issuerId) => `http://localhost:8080/crl/${issuerId}.crl`,
    ocspUrl: () => 'http://localhost:8080/ocsp',
    changed: (certificateId) => {
      if (search === undefined) return;
      for (const { thingName } of things.attachmentsOf(certificateId)) changed(thingName);
    },
    attachmentsOf: (certificateId) => ({
      thingNames: things.attachmentsOf(certificateId).map(({ thingName }) => thingName),
      policyNames: policies.attachedTo(certificateId).map(({ name }) => name),
    }),
    vendorCas: () => vendorCas.list().map(({ certificate }) => certificate),
    announce: (event) => {
      events.push(event);
      return noEffect;
    },
    warn: (message) => warnings.push(message),
    settings: {
      deviceValidityDays: 365,
      claimValidityDays: 365,
      operatorValidityDays: 90,
      serverValidityDays: 90,
      crlValidityHours: 24,
      ocspValidityMinutes: 60,
      ocspSignaturesPerSecondMax: 100,
      altNames: { device: [], operator: [], ...options.altNames },
    },
  });
  parts.defer(() => certificates.close());
  const isKnownCertificate = certificates.isKnown.bind(certificates);
  const announce = (event: PlatformEvent) => void events.push(event);
  const thingTypes = await ThingTypes.open({
    ...shared,
    store: stores.thingTypes,
    things: () => things.all(),
    typesMax: 3,
  });
  const things: Things = await Things.open({
    requiredOf: (typeName) => thingTypes.requiredOf(typeName),
    ...shared,
    store: stores.things,
    announce,
    changed,
    reported: (report) => search?.reported(report),
    isKnownCertificate,
    isRevoked: (certificateId) => certificates.standing(certificateId, clock.now()) === 'revoked',
    whileKept: (change, work) => policies.whileKept(change, work),
    forget: async (tx, thingName) => {
      await groups.memberships.forgetThing(tx, thingName);
      await activity.forget(tx, thingName);
      await presence.forgetThing(tx, thingName);
      await shadows.forgetThing(tx, thingName);
    },
  });
  const groups: Groups = await Groups.open({
    ...shared,
    store: stores.groups,
    things,
    announce,
    changed,
    search: {
      assertQuery: (query) => search!.assertQuery(query),
      select: (query) => search!.select(query),
      find: (wanted) => search!.find(wanted),
    },
    policiesOn: (name) => policies.namesOn(name).size,
    whileKept: (change, work) => policies.whileKept({ kind: 'hierarchy', ...change }, work),
    ...(options.groups === undefined ? {} : { limits: options.groups }),
  });
  search = await openSearch({
    clock,
    things,
    groups,
    certificatesOf: (name) =>
      things.certificatesOf(name).flatMap(({ certificateId }) => certificates.summary(certificateId) ?? []),
    shadows: (range) => stores.shadows.page(range),
    limits: standardSearch,
  });
  const presence = await Presence.open({
    ...shared,
    store: stores.presence,
    thing: (name) => things.known(name),
    changed: (name, change) => search?.present(name, change),
    rule: { flappingConnects: 3, flappingWindowSeconds: 60 },
  });
  const shadows = new Shadows({
    ...shared,
    store: stores.shadows,
    isThing: (name) => things.known(name) !== undefined,
    announce: () => undefined,
    changed: (shadow) => search?.shadowChanged(shadow),
    limits: {
      documentBytesMax: 8_192,
      shadowsPerThingMax: 10,
      updatesPendingMax: 100,
      updatesPerTransactionMax: 100,
    },
  });
  const activity = await Activity.open({
    ...shared,
    store: stores.activity,
    things,
    limits: options.activity ?? {
      entriesPerThingMax: 32,
      thingsMax: 3,
      keptDays: 30,
      synthesisRequestsMax: 100,
      namesPerActionMax: 128,
    },
  });
  const binding = { region: 'local', accountId: '000000000000' };
  const policies: Policies = await Policies.open({
    ...shared,
    store: stores.policies,
    groups,
    binding,
    announce,
    isKnownCertificate,
    claimPolicies: (certificateId) => provisioning.claims.policiesOf(certificateId),
    thingsOf: (certificateId) =>
      things.attachmentsOf(certificateId).map(({ thingName }) => parseThingName(thingName)),
    warn: (message) => warnings.push(message),
    guardrails: options.guardrails ?? [],
    proofLimits: { statesMax: 50_000, timeoutMs: 60_000, pendingMax: 16, setsMax: 20 },
  });
  parts.defer(() => policies.close());
  const policyTrials = new PolicyTrials({ ...shared, store: stores.policies, policies, trialsMax: 2 });
  const denials = new Denials({
    ...shared,
    settings: {
      keptMax: 100,
      strangersKeptMax: 100,
      keptPerSecondMax: 1_000,
      causesPerMinuteMax: 10,
      strangersPerMinuteMax: 10,
      ...options.denials,
    },
  });
  const renewals = await RenewalCampaigns.open({
    ...shared,
    store: stores.renewals,
    things,
    groups,
    certificates,
    limits: { openMax: 2, membersMax: 50, keptMax: 2 },
  });
  const endorsements = new Endorsements({
    ...shared,
    store: stores.endorsements,
    certificates,
    settings: { rootsMax: 2 },
  });
  const enrollment = new Enrollment({
    ...shared,
    campaigns: renewals,
    endorsements,
    store: stores.enrollment,
    policies,
    groups,
    things,
    certificates,
    denials,
    ...(options.enrollment === undefined ? {} : { settings: options.enrollment }),
  });
  const provisioning: Provisioning = await Provisioning.open({
    ...shared,
    ...enrollment.shared,
    store: stores.provisioning,
    things,
    groups,
    policies,
    certificates,
    denials,
    binding,
    signer: keys.hook,
    caPem: options.hookCaPem,
    isUsedAbove: (templateName) => vendorCas.isUsed(templateName),
    templateArn: (name) => `arn:aws:iot:local:000000000000:provisioningtemplate/${name}`,
    settings: { ...standardProvisioning, ...options.provisioning },
  });
  const vendorCas: VendorCas = await VendorCas.open({
    ...shared,
    ...enrollment.shared,
    store: stores.vendorCas,
    certificates,
    provisioning,
    things,
    denials,
    warn: (message) => warnings.push(message),
    announce: (event) => {
      events.push(event);
      return noEffect;
    },
    settings: { ...standardVendorCas, ...options.vendorCas },
  });
  const whole = parts.move();
  return {
    folder,
    keys,
    clock,
    storage,
    trail,
    events,
    warnings,
    issuanceLog,
    certificates,
    things,
    thingTypes,
    groups,
    search,
    presence,
    shadows,
    activity,
    policyTrials,
    policies,
    denials,
    renewals,
    endorsements,
    enrollment,
    provisioning,
    vendorCas,
    close: () => whole.disposeAsync(),
  };
}

export type Platform = Awaited<ReturnType<typeof openPlatform>>;

/** Ends the platform, gives it the records that were copied to `backup` or its own, and starts it again with its keys. */
export async function reopened(platform: Platform, backup?: string): Promise<Platform> {
  const { folder, keys, clock } = platform;
  await platform.close();
  if (backup !== undefined) {
    for (const ending of ['', '-wal', '-shm']) rmSync(join(folder, `records.db${ending}`), { force: true });
    copyFileSync(join(folder, backup), join(folder, 'records.db'));
  }
  return openPlatform({ folder, keys, clock });
}

/** A device certificate for a fresh P-256 key. */
export function issueDevice(platform: Platform, commonName: string) {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const request = { profile: 'device', commonName, publicKey: parsePublicKey(spki) } as const;
  return platform.certificates.issue(request, { kind: 'operator', operatorId: 'ada' });
}

/** Kinds and payloads of the trail in order. */
export async function trailOf(
  trail: Trail,
): Promise<readonly { readonly kind: string; readonly payload: unknown }[]> {
  const entries = await trail.page({ afterSeq: 0, limit: 1000 });
  return entries.map(({ entry, payload }) => ({
    kind: entry.kind,
    payload: (JSON.parse(payload?.payload ?? '{}') as { payload?: unknown }).payload,
  }));
}

async function makeAuthorities(
  { stores, transactor }: Storage,
  ports: { readonly keys: PlatformKeys; readonly clock: FakeClock; readonly random: Random },
): Promise<void> {
  const { keys, clock, random } = ports;
  const notBeforeMs = clock.now() - dayMs;
  const root = await issueCertificate({
    profile: 'root-ca',
    issuer: 'self',
    subject: makeName([['commonName', 'Test Root']]),
    publicKey: parsePublicKey(keys.root.publicKey),
    signer: keys.root,
    random,
    notBeforeMs,
    notAfterMs: notBeforeMs + 7300 * dayMs,
  });
  const issuing = await issueCertificate({
    profile: 'issuing-ca',
    issuer: root,
    subject: makeName([['commonName', 'Test Issuing CA']]),
    publicKey: parsePublicKey(keys.issuing.publicKey),
    signer: keys.root,
    random,
    notBeforeMs,
    notAfterMs: notBeforeMs + 1800 * dayMs,
  });
  const createdAtMs = clock.now();
  const common = { state: 'active', createdAtMs } as const;
  const authorities: readonly AuthorityRecord[] = [
    { ...common, certificateId: root.id, kind: 'root', der: root.der, keyName: 'root-ca' },
    { ...common, certificateId: issuing.id, kind: 'issuing', der: issuing.der, keyName: 'issuing-ca' },
  ];
  await transactor.transact(async (tx) => {
    for (const authority of authorities) await stores.certificates.addAuthority(tx, authority);
  });
}
