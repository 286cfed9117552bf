import { setTimeout as sleep } from 'node:timers/promises';
import {
  createClaim,
  createPolicy,
  createProvisioningTemplate,
  getCertificate,
  listCertificates,
  listEnrollmentAttempts,
  listThings,
} from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { lampPolicy, lampTemplate } from '../provisioning/fleet.ts';
import { ApiSession } from './api-session.ts';
import {
  ClaimDevice,
  ConnectionGone,
  connected,
  type Identity,
  provision,
  speak,
  thingNameOf,
} from './claim-device.ts';
import { GrowingLog } from './growing-log.ts';
import { killEachRound } from './kill-loop.ts';
import { kill, serve } from './platform-process.ts';
import { assertWhole, type VerifiedTrail, verifiedTrail } from './whole.ts';

/** After most of them a start is killed too, and two more kills come at the end: a whole start is what takes the time. */
const rounds = 10;
const devicesPerRound = 3;
/** A certificate, a thing, a connection. */
const answersPerDevice = 3;
/** Longer than an ownership token lasts, shorter than the claim. */
const aheadMs = 2 * 3_600_000;

/** Everybody who came so far, and what no kill explains of what they met. */
interface Fleet {
  readonly session: ApiSession;
  readonly claim: Identity;
  readonly log: GrowingLog;
  readonly devices: ClaimDevice[];
  /** These ask for a certificate and leave it at that. */
  readonly quitters: Set<ClaimDevice>;
  readonly complaints: string[];
  /** What was tried once, by the whole of its rights then: it costs a handshake or two. */
  readonly tried: Set<string>;
  /** What was seen with all that the template gives, with its thing: to ask for each every round costs more than the kill. */
  readonly whole: Map<string, string>;
}

test('kill -9 at any moment of fleet provisioning over MQTT loses no certificate or thing that was answered, and makes none twice', {
  timeout: 240_000,
}, async () => {
  await using session = await ApiSession.start({ provisioning: { requestsPerSecondPerClaimMax: 1_000 } });
  const fleet = await begin(session);
  await killEachRound(session, {
    rounds,
    answered: () => answersTo(fleet),
    answersMax: devicesPerRound * answersPerDevice,
    pauseMsMax: 20,
    isStartCut: (round) => round % 5 !== 4,
    begin: async (round) => {
      addDevices(fleet, round);
      return (gone) => comeInAll(fleet, gone);
    },
    lost: (trail) => lostOf(fleet, trail),
  });
  // Whoever was in the middle of it comes again, as after any loss.
  await comeInAll(fleet, AbortSignal.timeout(30_000));
  expect(fleet.devices.filter((device) => !isAtItsEnd(fleet, device)).map(({ serial }) => serial)).toEqual(
    [],
  );
  fleet.tried.clear();
  fleet.whole.clear();
  expect(await lostOf(fleet, await assertWhole(session))).toEqual([]);
  await assertUnprovisionedEnd(fleet);
});

async function begin(session: ApiSession): Promise<Fleet> {
  const { api } = session;
  await api.call(createPolicy, { body: { policyName: 'lamps', document: lampPolicy } });
  const template = JSON.stringify(lampTemplate);
  await api.call(createProvisioningTemplate, { body: { templateName: 'lamps', template } });
  const body = { templateName: 'lamps', expiresInSeconds: 86_400 };
  const { privateKeyPem = '', certificatePem } = await api.call(createClaim, { body });
  return {
    session,
    claim: { key: privateKeyPem, cert: certificatePem },
    log: new GrowingLog(session),
    devices: [],
    quitters: new Set(),
    complaints: [],
    tried: new Set(),
    whole: new Map(),
  };
}

function addDevices({ session, claim, devices, quitters }: Fleet, round: number): void {
  for (let index = 0; index < devicesPerRound; index++) {
    const made = { serial: `${round}-${index}`, claim, hasOwnKey: index % 2 === 0 };
    const device = new ClaimDevice(session, made);
    devices.push(device);
    // In turn one with a key of its own and one without.
    if (index === round % devicesPerRound) quitters.add(device);
  }
}

function answersTo({ devices }: Fleet): number {
  return devices
    .flatMap(({ created, isProvisioned, isIn }) => [created !== undefined, isProvisioned, isIn])
    .filter((isTold) => isTold).length;
}

function isAtItsEnd({ quitters }: Fleet, device: ClaimDevice): boolean {
  return quitters.has(device) ? device.created !== undefined : device.isIn;
}

/** Everybody who has not come to the end goes on from where they are. */
async function comeInAll(fleet: Fleet, gone: AbortSignal): Promise<void> {
  const underWay = fleet.devices.filter((device) => !isAtItsEnd(fleet, device));
  const all = underWay.map((device) =>
    fleet.quitters.has(device) ? device.getCertificate(gone) : device.comeIn(gone),
  );
  for (const result of await Promise.allSettled(all))
    if (result.status === 'rejected') fleet.complaints.push(String(result.reason));
}

/** What was answered and does not hold, in words. */
async function lostOf(fleet: Fleet, trail: VerifiedTrail): Promise<readonly string[]> {
  const { waiting, provisioned } = await assertNothingHalf(fleet, trail);
  const lost = [...fleet.complaints];
  for (const { created, isProvisioned, serial } of fleet.devices) {
    if (created === undefined) continue;
    const { certificateId, ownershipToken } = created;
    const isWaiting = !isProvisioned && waiting.has(certificateId);
    if (!isWaiting && provisioned.get(certificateId) !== thingNameOf(serial)) lost.push(`thing of ${serial}`);
    const rights = `${certificateId} ${isWaiting} ${isProvisioned}`;
    if (fleet.tried.has(rights)) continue;
    fleet.tried.add(rights);
    const mayConnect = await isLetIn(fleet.session, { created, serial });
    if (mayConnect === isWaiting) lost.push(`${serial} ${mayConnect ? 'may' : 'may not'} connect`);
    if (isProvisioned && (await isGoodAgain(fleet, ownershipToken)))
      lost.push(`the token of ${serial} is good twice`);
  }
  return lost;
}

/** The registry has each certificate that the log and the trail have; each waits without rights, or has all that the template gives. */
async function assertNothingHalf(fleet: Fleet, trail: VerifiedTrail): Promise<OfTemplate> {
  const { api } = fleet.session;
  await fleet.log.assertHas(trail.values('certificate.issued', 'certificateId'));
  const ofTemplate = await ofTemplateNow(fleet);
  const { waiting, provisioned } = ofTemplate;
  const { things } = await api.call(listThings, { query: { limit: 1000 } });
  const { attempts } = await api.call(listEnrollmentAttempts, { query: { limit: 1000 } });
  const attempted = (wanted: string) =>
    sorted(attempts.flatMap(({ outcome, certificateId }) => (outcome === wanted ? [certificateId] : [])));
  const ids = sorted(provisioned.keys());
  // Each thing has one certificate, which one provisioning has attached to it.
  expect(sorted(provisioned.values())).toEqual(sorted(things.map(({ thingName }) => thingName)));
  expect(sorted(trail.values('certificate.provisioned', 'certificateId'))).toEqual(ids);
  expect(sorted(trail.values('thing.certificate_attached', 'certificateId'))).toEqual(ids);
  expect(attempted('provisioned')).toEqual(ids);
  const gaveWay = trail.values('certificate.deleted', 'certificateId');
  expect(attempted('issued')).toEqual(sorted([...ids, ...waiting, ...gaveWay]));
  return ofTemplate;
}

interface OfTemplate {
  readonly waiting: ReadonlySet<string>;
  /** With the thing it speaks for. */
  readonly provisioned: ReadonlyMap<string, string>;
}

async function ofTemplateNow({ session: { api }, whole }: Fleet): Promise<OfTemplate> {
  const query = { profile: 'provisioned', limit: 1000 } as const;
  const { certificates } = await api.call(listCertificates, { query });
  const waiting = new Set<string>();
  for (const { certificateId, state } of certificates) {
    if (state === 'ACTIVE' && whole.has(certificateId)) continue;
    const shown = await api.call(getCertificate, { params: { certificateId } });
    const { thingNames, policyNames } = shown;
    if (shown.state === 'PENDING_ACTIVATION') {
      expect({ thingNames, policyNames }).toEqual({ thingNames: [], policyNames: [] });
      waiting.add(certificateId);
    } else {
      expect(shown).toMatchObject({ state: 'ACTIVE', policyNames: ['lamps'] });
      expect(thingNames).toHaveLength(1);
      whole.set(certificateId, thingNames[0] ?? '');
    }
  }
  const active = certificates.filter(({ state }) => state === 'ACTIVE');
  const provisioned = new Map(active.map(({ certificateId: id }) => [id, whole.get(id) ?? '']));
  return { waiting, provisioned };
}

async function isLetIn(
  session: ApiSession,
  device: Pick<ClaimDevice, 'created' | 'serial'>,
): Promise<boolean> {
  try {
    await speak(session, device);
    return true;
  } catch (error) {
    if (error instanceof ConnectionGone) return false;
    throw error;
  }
}

/** For another thing. */
async function isGoodAgain({ session, claim }: Fleet, ownershipToken: string): Promise<boolean> {
  const { kind, errorCode } = await connected(session, { ...claim, clientId: 'thief' }, (client) =>
    provision(client, { ownershipToken, serial: 'thief' }),
  );
  return kind === 'accepted' || errorCode !== 'InvalidCertificateOwnershipToken';
}

/** After an hour what was never provisioned is deleted, also when a kill comes in the middle of that, and nothing else is. */
async function assertUnprovisionedEnd(fleet: Fleet): Promise<void> {
  const { session, log } = fleet;
  const before = await ofTemplateNow(fleet);
  const gaveWay = (await verifiedTrail(session.api)).values('certificate.deleted', 'certificateId');
  expect(before.waiting.size).toBeGreaterThanOrEqual(fleet.quitters.size);
  for (let starts = 0; starts < 2; starts++) {
    await kill(session.child);
    session.restart(await serve(session.settings, aheadMs));
  }
  const query = { state: 'PENDING_ACTIVATION' } as const;
  while ((await session.api.call(listCertificates, { query })).certificates.length > 0) await sleep(20);
  fleet.whole.clear();
  expect(await ofTemplateNow(fleet)).toEqual({ ...before, waiting: new Set() });
  const trail = await verifiedTrail(session.api);
  expect(sorted(trail.values('certificate.deleted', 'certificateId'))).toEqual(
    sorted([...gaveWay.map(String), ...before.waiting]),
  );
  await log.assertHas(trail.values('certificate.issued', 'certificateId'));
}

function sorted(values: Iterable<unknown>): readonly string[] {
  return [...values].map(String).toSorted();
}
