import { setTimeout as sleep } from 'node:timers/promises';
import { encodePem } from '@fleetward/pki';
import {
  ApiError,
  createPolicy,
  createProvisioningTemplate,
  createVendorCaCode,
  getCertificate,
  listCertificates,
  listEnrollmentAttempts,
  listThings,
  listVendorCas,
  registerVendorCa,
  setCertificateState,
  setVendorCaState,
} from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { lampPolicy } from '../provisioning/fleet.ts';
import { newVendor, type Vendor, type VendorDevice } from '../vendor-cas/vendor.ts';
import { ApiSession } from './api-session.ts';
import { getAs } from './device.ts';
import { killEachRound } from './kill-loop.ts';
import { assertWhole, type VerifiedTrail } from './whole.ts';

const rounds = 4;
const devicesPerRound = 6;
const vendorsPerRound = 4;
const policyName = 'lamps';

const template = JSON.stringify({
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: {
        ThingName: { 'Fn::Join': ['', ['acme-', { Ref: 'AWS::IoT::Certificate::CommonName' }]] },
      },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: policyName } },
  },
});

/** A device of a vendor, and what its certificate says it is. */
interface Newcomer extends VendorDevice {
  readonly name: string;
}

/** What somebody outside was shown or told, over all rounds. */
interface Acknowledged {
  /** Certificates that were let in: the device was answered. */
  readonly admitted: Set<string>;
  /** Certificates that an operator was shown waiting. */
  readonly waiting: Set<string>;
  /** Vendor CA to the state that was answered. */
  readonly vendorCas: Map<string, 'active' | 'inactive'>;
}

interface Story {
  readonly session: ApiSession;
  /** Whose devices become things by a template, and whose devices wait. */
  readonly provisioning: Vendor;
  readonly registering: Vendor;
  readonly acknowledged: Acknowledged;
}

test('kill -9 at any moment of first connections loses nothing acknowledged and leaves no device half provisioned', {
  timeout: 240_000,
}, async () => {
  const limits = {
    casMax: 100,
    firstConnectionsPerSecondPerCaMax: 1_000,
    firstConnectionsPerSecondMax: 1_000,
  };
  await using session = await ApiSession.start({ vendorCas: limits });
  const story = await begin(session);
  const everybody: Newcomer[] = [];
  await killEachRound(session, {
    rounds,
    answered: () => countOf(story),
    answersMax: 3 * devicesPerRound + vendorsPerRound,
    pauseMsMax: 51,
    begin: async (round) => {
      const ofTemplate = await newDevices(story.provisioning, `lamp-${round}`);
      const waiting = await newDevices(story.registering, `valve-${round}`);
      const vendors = await newVendors(session, round);
      everybody.push(...ofTemplate);
      return (gone) =>
        Promise.allSettled([
          ...ofTemplate.map((device) => comeIn(story, device, gone)),
          activateEach(story, waiting),
          registerVendors(story, vendors),
        ]);
    },
    lost: async (trail) => {
      await assertNothingHalf(story, trail);
      return lostOf(story);
    },
  });
  // Whoever was in the middle of it comes again, as after any loss.
  await Promise.all(everybody.map((device) => comeIn(story, device)));
  await assertNothingHalf(story, await assertWhole(session));
  const isIn = ({ certificate }: Newcomer) => story.acknowledged.admitted.has(certificate.id);
  expect(everybody.filter((device) => !isIn(device)).map(({ name }) => name)).toEqual([]);
});

function countOf({ acknowledged }: Story): number {
  const { admitted, waiting, vendorCas } = acknowledged;
  return admitted.size + waiting.size + vendorCas.size;
}

async function begin(session: ApiSession): Promise<Story> {
  await session.api.call(createPolicy, { body: { policyName, document: lampPolicy } });
  await session.api.call(createProvisioningTemplate, { body: { templateName: 'acme', template } });
  const acknowledged = { admitted: new Set<string>(), waiting: new Set<string>(), vendorCas: new Map() };
  const provisioning = await newVendor(session.folder, { subject: '/O=Acme/CN=Acme CA' });
  const registering = await newVendor(session.folder, { subject: '/O=Bolt/CN=Bolt CA' });
  await register(session, provisioning, 'acme');
  await register(session, registering);
  return { session, provisioning, registering, acknowledged };
}

async function register({ api }: ApiSession, vendor: Vendor, templateName?: string): Promise<string> {
  const { code } = await api.call(createVendorCaCode);
  const verificationPem = encodePem('CERTIFICATE', (await vendor.verify(code)).der);
  const wanted = templateName === undefined ? {} : { templateName };
  const body = { caPem: vendor.caPem, verificationPem, ...wanted };
  return (await api.call(registerVendorCa, { body })).certificateId;
}

async function newDevices(vendor: Vendor, prefix: string): Promise<readonly Newcomer[]> {
  const made: Newcomer[] = [];
  for (let index = 0; index < devicesPerRound; index++) {
    const name = `${prefix}-${index}`;
    made.push({ name, ...(await vendor.device(`/CN=${name}`)) });
  }
  return made;
}

async function newVendors({ folder }: ApiSession, round: number): Promise<readonly Vendor[]> {
  const made: Vendor[] = [];
  for (let index = 0; index < vendorsPerRound; index++)
    made.push(await newVendor(folder, { subject: `/CN=Vendor ${round}-${index}` }));
  return made;
}

/** Connects until it is answered, as firmware does, or the platform is gone. */
async function comeIn(
  { session, acknowledged }: Story,
  device: Newcomer,
  gone = AbortSignal.timeout(30_000),
): Promise<void> {
  while (!gone.aborted) {
    if (await isLetIn(session, device)) {
      acknowledged.admitted.add(device.certificate.id);
      return;
    }
    await sleep(20);
  }
}

/** Nothing is published: a device that may speak is told so. */
async function isLetIn(session: ApiSession, { keyFile, certificate }: Newcomer): Promise<boolean> {
  const identity = { keyFile, chainPem: encodePem('CERTIFICATE', certificate.der) };
  return (await getAs(session, identity, '/tuf/metadata/timestamp.json')).status === 404;
}

/** Ends with the first failure: the platform is gone. */
async function activateEach(story: Story, devices: readonly Newcomer[]): Promise<void> {
  const { session, acknowledged } = story;
  for (const device of devices) {
    const certificateId = device.certificate.id;
    await isLetIn(session, device);
    while (!(await isWaiting(session, certificateId))) await sleep(10);
    acknowledged.waiting.add(certificateId);
    const body = { state: 'ACTIVE' } as const;
    await session.api.call(setCertificateState, { params: { certificateId }, body });
    acknowledged.admitted.add(certificateId);
  }
}

async function isWaiting({ api }: ApiSession, certificateId: string): Promise<boolean> {
  try {
    return (await api.call(getCertificate, { params: { certificateId } })).state === 'PENDING_ACTIVATION';
  } catch (error) {
    if (error instanceof ApiError && error.problem?.status === 404) return false;
    throw error;
  }
}

/** Registers one after the other and switches every second one off. */
async function registerVendors({ session, acknowledged }: Story, vendors: readonly Vendor[]): Promise<void> {
  for (const [index, vendor] of vendors.entries()) {
    const certificateId = await register(session, vendor);
    acknowledged.vendorCas.set(certificateId, 'active');
    if (index % 2 === 0) continue;
    acknowledged.vendorCas.delete(certificateId);
    const body = { state: 'inactive' } as const;
    await session.api.call(setVendorCaState, { params: { certificateId }, body });
    acknowledged.vendorCas.set(certificateId, 'inactive');
  }
}

/** What was acknowledged and is not there, in words. */
async function lostOf({ session, acknowledged }: Story): Promise<readonly string[]> {
  const lost: string[] = [];
  for (const certificateId of new Set([...acknowledged.waiting, ...acknowledged.admitted])) {
    const { state } = await session.api.call(getCertificate, { params: { certificateId } });
    if (acknowledged.admitted.has(certificateId) && state !== 'ACTIVE')
      lost.push(`${certificateId}: ${state}`);
  }
  const { vendorCas } = await session.api.call(listVendorCas);
  for (const [certificateId, state] of acknowledged.vendorCas)
    if (vendorCas.find((ca) => ca.certificateId === certificateId)?.state !== state)
      lost.push(`vendor CA ${certificateId}: ${state}`);
  return lost;
}

/** Each certificate of the template's vendor has all that the template gives, and nothing is there without its certificate. */
async function assertNothingHalf(story: Story, trail: VerifiedTrail): Promise<void> {
  const { session, provisioning, registering } = story;
  const { api } = session;
  const query = { profile: 'vendor', limit: 1000 } as const;
  const { certificates } = await api.call(listCertificates, { query });
  const of = ({ ca }: Vendor) => certificates.filter(({ issuerId }) => issuerId === ca.id);
  const names: string[] = [];
  for (const { certificateId, subject } of of(provisioning)) {
    const shown = await api.call(getCertificate, { params: { certificateId } });
    const name = `acme-${subject.replace('CN=', '')}`;
    expect(shown).toMatchObject({ state: 'ACTIVE', thingNames: [name], policyNames: [policyName] });
    names.push(name);
  }
  const { things } = await api.call(listThings, { query: { limit: 1000 } });
  const { attempts } = await api.call(listEnrollmentAttempts, { query: { limit: 1000 } });
  const attempted = (wanted: string) =>
    attempts.flatMap(({ outcome, certificateId }) => (outcome === wanted ? [certificateId] : []));
  const [provisioned, registered] = [of(provisioning), of(registering)].map((records) =>
    records.map(({ certificateId }) => certificateId).toSorted(),
  );
  const sorted = (values: readonly unknown[]) => values.map(String).toSorted();
  expect(sorted(things.map(({ thingName }) => thingName))).toEqual(sorted(names));
  expect(sorted(attempted('provisioned'))).toEqual(provisioned);
  expect(sorted(attempted('registered'))).toEqual(registered);
  expect(sorted(trail.values('certificate.provisioned', 'certificateId'))).toEqual(provisioned);
  expect(sorted(trail.values('thing.certificate_attached', 'certificateId'))).toEqual(provisioned);
  expect(sorted(trail.values('vendor_ca.registered', 'certificateId'))).toEqual(
    sorted((await api.call(listVendorCas)).vendorCas.map(({ certificateId }) => certificateId)),
  );
}
