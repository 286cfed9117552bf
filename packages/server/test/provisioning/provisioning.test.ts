import { parseGroupName, parsePolicyName, parseThingName } from '@fleetward/core';
import { openssl, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NewCertificate } from '../../src/provisioning/new-certificates.ts';
import type { Claim } from '../../src/provisioning/store.ts';
import { openPlatform, type Platform, type PlatformOptions, trailOf } from '../certificates/test-platform.ts';
import { askedBy, lampPolicy, lampTemplate, makeFleet, newClaim, operator, parameters } from './fleet.ts';

let folder = temporaryFolder();
let platform: Platform;
let claim: Claim;

async function open(options: Partial<PlatformOptions> = {}): Promise<void> {
  platform = await openPlatform({ folder: folder.path, ...options });
}
beforeEach(async () => {
  folder = temporaryFolder();
  await open();
  claim = await makeFleet(platform);
});
afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function create(by = claim): Promise<NewCertificate> {
  const created = await platform.provisioning.createKeys(askedBy(by));
  if (created.kind === 'refused') throw new Error(created.explanation);
  return created;
}

function provision(ownershipToken: string, given: Readonly<Record<string, string>>, by = claim) {
  return platform.provisioning.provision(askedBy(by), {
    templateName: 'lamps',
    ownershipToken,
    parameters: parameters(given),
  });
}

const standing = ({ signed }: NewCertificate) =>
  platform.certificates.standing(signed.record.certificateId, platform.clock.now());

describe('a device with a claim', () => {
  test('gets a certificate that is good for nothing until it is provisioned, and then is the thing of its template', async () => {
    const created = await create();
    const { certificateId } = created.signed.record;
    expect(created.keyPem).toContain('BEGIN PRIVATE KEY');
    expect(standing(created)).toBe('pending');
    expect(await provision(created.ownershipToken, { SerialNumber: '7', Room: 'cellar' })).toEqual({
      kind: 'provisioned',
      thingName: 'lamp-7',
      deviceConfiguration: { url: 'https://cellar.example', retries: 3 },
    });
    expect(standing(created)).toBe('active');
    expect(platform.things.get(parseThingName('lamp-7'))).toMatchObject({
      typeName: 'lamp',
      attributes: { serial: '7', room: 'cellar' },
    });
    expect(platform.things.attachmentsOf(certificateId)).toMatchObject([{ thingName: 'lamp-7' }]);
    expect(platform.policies.attachedTo(certificateId)).toMatchObject([{ name: 'lamps' }]);
    const [attempt] = await platform.enrollment.attempts(1);
    expect(attempt).toMatchObject({
      outcome: 'provisioned',
      operation: 'provision',
      thingName: 'lamp-7',
      certificateId,
    });
    expect(attempt?.steps.map(({ step }) => step)).toEqual([
      'claim',
      'template',
      'ownership',
      'parameters',
      'thing',
      'rights',
    ]);
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    for (const kind of ['provisioning_template.created', 'claim.created', 'certificate.provisioned'])
      expect(kinds).toContain(kind);
  });

  test('may bring a CSR; nothing of it but the key is used', async () => {
    const key = folder.join('device.key');
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key]);
    const csr = (await openssl(['req', '-new', '-key', key, '-subj', '/CN=lamp-1/O=Somebody'])).toString();
    const created = await platform.provisioning.createFromCsr(askedBy(claim), csr);
    if (created.kind === 'refused') throw new Error(created.explanation);
    expect(created.keyPem).toBeUndefined();
    expect(created.signed.certificate.subject.text).toMatch(/^CN=[0-9a-f]{32}$/);
    for (const bad of ['', 'x', csr.replace(/[A-Za-z]{4}\n/, 'AAAA\n')])
      expect(await platform.provisioning.createFromCsr(askedBy(claim), bad)).toMatchObject({
        kind: 'refused',
      });
  });

  test('keeps what its template says after a restart, and can go on', async () => {
    const { ownershipToken } = await create();
    const { keys, clock } = platform;
    await platform.close();
    await open({ keys, clock });
    expect(await provision(ownershipToken, { SerialNumber: '1' })).toMatchObject({ thingName: 'lamp-1' });
  });
});

test('a template says which of its policies and groups are not there, until they are', async () => {
  const groups = { ...lampTemplate.Resources.thing.Properties, ThingGroups: ['attic'] };
  const thing = { ...lampTemplate.Resources.thing, Properties: groups };
  const policy = { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'gone' } };
  const Resources = { ...lampTemplate.Resources, thing, policy };
  const wanted = { name: 'attic', body: JSON.stringify({ ...lampTemplate, Resources }), mayRejoin: false };
  const { template } = await platform.provisioning.templates.create(wanted, operator);
  expect(platform.provisioning.notesOn(template)).toEqual([
    'policy `gone` is not there: devices that would get it are refused',
    'group `attic` is not there: devices that would join it are refused',
  ]);
  await platform.groups.create({ name: parseGroupName('attic') }, operator);
  await platform.policies.create({ name: parsePolicyName('gone'), document: lampPolicy }, operator);
  expect(platform.provisioning.notesOn(template)).toEqual([]);
});

describe('a claim with a number of uses', () => {
  test('gives as many certificates in its life, also to those that ask at once, and after a restart', async () => {
    const bounded = await newClaim(platform, { usesMax: 3 });
    const ask = () => platform.provisioning.createKeys(askedBy(bounded));
    const outcomes = await Promise.all([ask(), ask()]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['created', 'created']);
    const { keys, clock } = platform;
    await platform.close();
    await open({ keys, clock });
    const rest = await Promise.all([ask(), ask(), ask()]);
    expect(rest.map(({ kind }) => kind).sort()).toEqual(['created', 'refused', 'refused']);
    expect(rest.find(({ kind }) => kind === 'refused')).toMatchObject({ reason: 'claim_used' });
    const [shown] = platform.provisioning.claims.list().filter(({ uses }) => uses !== undefined);
    expect(shown?.uses).toEqual({ max: 3, left: 0 });
  });
});

describe('an ownership token', () => {
  test('is good once, also for two at the same time', async () => {
    const { ownershipToken } = await create();
    const outcomes = await Promise.all(
      ['1', '2', '3'].map((SerialNumber) => provision(ownershipToken, { SerialNumber })),
    );
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['provisioned', 'refused', 'refused']);
    expect(outcomes.find(({ kind }) => kind === 'refused')).toMatchObject({ reason: 'ownership_unknown' });
    const things = await platform.things.page({ limit: 10 });
    expect(things).toHaveLength(1);
  });

  test('brings the same answer to the same request when it was lost, and nothing to another one', async () => {
    const created = await create();
    const { certificateId } = created.signed.record;
    const ask = (given: Readonly<Record<string, string>> = { Room: 'cellar', SerialNumber: '7' }) =>
      provision(created.ownershipToken, given);
    const [first, atOnce] = await Promise.all([ask(), ask()]);
    expect(first).toMatchObject({ kind: 'provisioned', thingName: 'lamp-7' });
    expect(atOnce).toEqual(first);
    await platform.provisioning.templates.update('lamps', { isEnabled: false }, operator);
    const { keys, clock } = platform;
    await platform.close();
    await open({ keys, clock });
    expect(await ask({ SerialNumber: '7', Room: 'cellar' }), 'after a restart, in another order').toEqual(
      first,
    );
    expect((await platform.enrollment.attempts(1))[0]).toMatchObject({ outcome: 'reissued', certificateId });
    expect(
      (await trailOf(platform.trail)).filter(({ kind }) => kind === 'certificate.provisioned'),
    ).toHaveLength(1);
    await platform.provisioning.templates.update('lamps', { isEnabled: true }, operator);
    const unknown = { reason: 'ownership_unknown' };
    expect(await ask({ SerialNumber: '8' })).toMatchObject(unknown);
    const other = await newClaim(platform);
    const request = { SerialNumber: '7', Room: 'cellar' };
    expect(await provision(created.ownershipToken, request, other)).toMatchObject(unknown);
    await platform.certificates.revoke({ certificateId, reason: 'superseded' }, operator);
    expect(await ask()).toMatchObject(unknown);
  });

  test('is nothing in the hands of another claim, and a refusal does not use it up', async () => {
    const { ownershipToken } = await create();
    const other = await newClaim(platform);
    expect(await provision(ownershipToken, { SerialNumber: '1' }, other)).toMatchObject({
      reason: 'ownership_unknown',
    });
    expect(await provision(ownershipToken, {})).toMatchObject({ reason: 'parameters_unfit' });
    expect(await provision(ownershipToken, { SerialNumber: '1' })).toMatchObject({ kind: 'provisioned' });
    for (const text of ['', 'x', `fwc_${'A'.repeat(43)}`, ownershipToken])
      expect(await provision(text, { SerialNumber: '2' })).toMatchObject({ reason: 'ownership_unknown' });
  });

  test('ends after an hour, and its certificate with it', async () => {
    const lasting = await newClaim(platform, { validityMs: 86_400_000 });
    const created = await create(lasting);
    platform.clock.advance(3_599_000);
    await platform.provisioning.cleanUp();
    expect(standing(created)).toBe('pending');
    platform.clock.advance(1_000);
    expect(await provision(created.ownershipToken, { SerialNumber: '1' }, lasting)).toMatchObject({
      reason: 'ownership_expired',
    });
    await platform.provisioning.cleanUp();
    expect(standing(created)).toBe('unknown');
    expect(await platform.certificates.find(created.signed.record.certificateId)).toBeUndefined();
    expect(platform.provisioning.claims.list()).toEqual([lasting]);
  });

  test('that ended leaves the key to who asks again; one that an operator attached something to is kept, switched off', async () => {
    const lasting = await newClaim(platform, { validityMs: 86_400_000 });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', '/dev/null'];
    const csr = (await openssl(['req', '-new', ...key, '-subj', '/CN=x'])).toString();
    const other = await newClaim(platform, { validityMs: 86_400_000 });
    const ask = (by: Claim) => platform.provisioning.createFromCsr(askedBy(by), csr);
    const first = await ask(lasting);
    expect(await ask(other)).toMatchObject({ reason: 'key_in_use' });
    const { certificateId } = (await create(lasting)).signed.record;
    await platform.policies.attachments.attach(
      { policyName: parsePolicyName('lamps'), certificateId },
      operator,
    );
    platform.clock.advance(3_600_000);
    await platform.provisioning.cleanUp();
    expect(await ask(other)).toMatchObject({ kind: 'created' });
    expect(first).toMatchObject({ kind: 'created' });
    expect(platform.certificates.standing(certificateId, platform.clock.now())).toBe('inactive');
  });
});

test('a certificate that was revoked or deleted meanwhile keeps no other from being deleted in time', async () => {
  const lasting = await newClaim(platform, { validityMs: 86_400_000 });
  const [revoked, deleted, late] = [await create(lasting), await create(lasting), await create(lasting)];
  for (const { signed } of [revoked, deleted])
    await platform.certificates.revoke(
      { certificateId: signed.record.certificateId, reason: 'superseded' },
      operator,
    );
  await platform.certificates.remove(deleted.signed.record.certificateId, operator);
  platform.clock.advance(3_600_000);
  await platform.provisioning.cleanUp();
  expect(standing(revoked)).toBe('revoked');
  expect(standing(late)).toBe('unknown');
});

test('with a clock before 2020 nobody is given a certificate or a thing for a claim, and a trace is all that is stored', async () => {
  const { ownershipToken } = await create();
  const nowMs = platform.clock.now();
  const before = (await trailOf(platform.trail)).length;
  platform.clock.set('2019-12-31T23:59:59Z');
  const unset = { reason: 'clock_unset', fault: 'busy' };
  expect(await platform.provisioning.createKeys(askedBy(claim))).toMatchObject(unset);
  expect(await platform.provisioning.createFromCsr(askedBy(claim), 'x')).toMatchObject(unset);
  const request = { csrDer: new Uint8Array(), binding: { kind: 'none', why: 'no TLS' } } as const;
  expect(await platform.provisioning.enroll(askedBy(claim), request)).toMatchObject(unset);
  expect(await provision(ownershipToken, { SerialNumber: '7' })).toMatchObject(unset);
  expect(await trailOf(platform.trail)).toHaveLength(before);
  expect(await platform.things.page({ limit: 10 })).toEqual([]);
  const traces = (await platform.enrollment.attempts(10)).map(({ reason }) => reason);
  expect(traces).toEqual(['ok', ...Array(4).fill('clock_unset')]);
  platform.clock.set(nowMs);
  expect(await provision(ownershipToken, { SerialNumber: '7' })).toMatchObject({ kind: 'provisioned' });
});

describe('a claim', () => {
  test('is over after five minutes, or when it is revoked, also between a request and its write', async () => {
    const { ownershipToken } = await create();
    const { certificateId } = claim;
    await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
    expect(await platform.provisioning.createKeys(askedBy(claim))).toMatchObject({ reason: 'claim_unknown' });
    expect(await provision(ownershipToken, { SerialNumber: '1' })).toMatchObject({ reason: 'claim_unknown' });
    const fresh = await newClaim(platform);
    expect(await platform.provisioning.createKeys(askedBy(fresh))).toMatchObject({ kind: 'created' });
    platform.clock.advance(301_000);
    expect(await platform.provisioning.createKeys(askedBy(fresh))).toMatchObject({ reason: 'claim_unknown' });
  });

  test('is made for nobody while the clock says a year before 2020, and none is recorded', async () => {
    const { claims } = platform.provisioning;
    const nowMs = platform.clock.now();
    const before = { claims: claims.list().length, trail: (await trailOf(platform.trail)).length };
    platform.clock.set('2019-12-31T23:59:59Z');
    await expect(newClaim(platform)).rejects.toMatchObject({ code: 'provisioning.clock_unset' });
    platform.clock.set(nowMs);
    expect(await trailOf(platform.trail)).toHaveLength(before.trail);
    expect(claims.list()).toHaveLength(before.claims);
    await newClaim(platform);
    expect(claims.list()).toHaveLength(before.claims + 1);
  });

  test('is decided by its own policy alone, whatever is attached to it', async () => {
    const { certificateId } = claim;
    await platform.policies.attachments.attach(
      { policyName: parsePolicyName('lamps'), certificateId },
      operator,
    );
    const decided = platform.policies.ofClaim(certificateId);
    expect(decided).toMatchObject([{ name: 'claim-lamps' }]);
    const created = await create();
    expect(platform.policies.ofClaim(created.signed.record.certificateId)).toBeUndefined();
  });

  test('that floods is told so, and leaves room for others', async () => {
    await platform.close();
    const { keys, clock } = platform;
    const settings = { requestsPerSecondPerClaimMax: 3, pendingPerClaimMax: 2 };
    await open({ keys, clock, provisioning: settings });
    const other = await newClaim(platform);
    const outcomes = [];
    for (let asked = 0; asked < 4; asked++)
      outcomes.push(await platform.provisioning.createKeys(askedBy(claim)));
    expect(
      outcomes.map((each) => (each.kind === 'refused' ? each.explanation.match(/`(.+)`/)?.[1] : each.kind)),
    ).toEqual([
      'created',
      'created',
      'provisioning.pendingPerClaimMax',
      'provisioning.requestsPerSecondPerClaimMax',
    ]);
    expect(await platform.provisioning.createKeys(askedBy(other))).toMatchObject({ kind: 'created' });
  });

  test('of another template does not provision by this one, nor by one that is switched off', async () => {
    const { ownershipToken } = await create();
    const request = { ownershipToken, parameters: parameters({ SerialNumber: '1' }) };
    const other = await platform.provisioning.provision(askedBy(claim), {
      ...request,
      templateName: 'pumps',
    });
    expect(other).toMatchObject({ reason: 'template_unknown' });
    await platform.provisioning.templates.update('lamps', { isEnabled: false }, operator);
    expect(await provision(ownershipToken, { SerialNumber: '1' })).toMatchObject({ reason: 'template_off' });
  });
});

describe('a thing that is there', () => {
  test('is not taken over by who knows a claim, unless the template says so', async () => {
    const first = await create();
    await provision(first.ownershipToken, { SerialNumber: '7' });
    const second = await create();
    const refused = await provision(second.ownershipToken, { SerialNumber: '7' });
    expect(refused).toMatchObject({ reason: 'thing_has_certificate', thingName: 'lamp-7' });
    expect(standing(second)).toBe('pending');
    // Nor while it is on hold: a device would come back by the claim that it has.
    const { certificateId } = first.signed.record;
    await platform.certificates.revoke({ certificateId, reason: 'certificateHold' }, operator);
    const held = await provision(second.ownershipToken, { SerialNumber: '7' });
    expect(held).toMatchObject({ reason: 'thing_has_certificate' });
    await platform.provisioning.templates.update('lamps', { mayRejoin: true }, operator);
    const stillHeld = await provision(second.ownershipToken, { SerialNumber: '7' });
    expect(stillHeld, 'a template that lets devices rejoin is no way around a hold').toMatchObject({
      reason: 'thing_has_certificate',
    });
    await platform.certificates.unhold(certificateId, operator);
    expect(await provision(second.ownershipToken, { SerialNumber: '7', Room: 'cellar' })).toMatchObject({
      kind: 'provisioned',
    });
    // MERGE
    expect(platform.things.get(parseThingName('lamp-7')).attributes).toEqual({ serial: '7', room: 'cellar' });
  });

  test('is not provisioned again once it was shut out, but by a later claim for it alone', async () => {
    await platform.provisioning.templates.update('lamps', { mayRejoin: true }, operator);
    const thingName = parseThingName('lamp-7');
    const before = await newClaim(platform, { thingName });
    const first = await create();
    await provision(first.ownershipToken, { SerialNumber: '7' });
    platform.clock.advance(1_000);
    const { certificateId } = first.signed.record;
    await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
    platform.clock.advance(1_000);
    const later = await newClaim(platform);
    for (const by of [claim, before, later]) {
      const { ownershipToken } = await create(by);
      expect(await provision(ownershipToken, { SerialNumber: '7' }, by)).toMatchObject({
        reason: 'thing_revoked',
        deviceText: 'the thing `lamp-7` is not let in; ask its operator',
      });
    }
    const [attempt] = await platform.enrollment.attempts(1);
    expect(attempt!.explanation).toContain('fleetward claim create lamps --thing lamp-7');
    const consent = await newClaim(platform, { thingName });
    const other = await create(consent);
    const another = await provision(other.ownershipToken, { SerialNumber: '8' }, consent);
    expect(another).toMatchObject({ reason: 'name_not_allowed' });
    const back = await provision(other.ownershipToken, { SerialNumber: '7' }, consent);
    expect(back).toMatchObject({ kind: 'provisioned', thingName });
  });

  test('leaves its trace whatever it says: PostgreSQL takes no NUL', async () => {
    const { ownershipToken } = await create();
    const refused = await provision(ownershipToken, { SerialNumber: '7', Room: 'attic\0' });
    expect(refused).toMatchObject({ reason: 'parameters_unfit' });
    const [attempt] = await platform.enrollment.attempts(1);
    expect(attempt!.explanation).toContain('nothing for `attic\u{fffd}`');
  });

  test('is shut out also while its next provisioning is under way', async () => {
    await platform.provisioning.templates.update('lamps', { mayRejoin: true }, operator);
    const first = await create();
    await provision(first.ownershipToken, { SerialNumber: '7' });
    const { certificateId } = first.signed.record;
    const second = await create();
    const proofs = vi.spyOn(platform.policies, 'whileNewcomerKept');
    proofs.mockImplementationOnce(async (...wanted) => {
      await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
      return platform.policies.whileNewcomerKept(...wanted);
    });
    const late = await provision(second.ownershipToken, { SerialNumber: '7' });
    expect(late).toMatchObject({ reason: 'thing_revoked' });
    expect(standing(second)).toBe('pending');
  });

  test('has a bounded number of certificates, also where devices may rejoin', async () => {
    await platform.provisioning.templates.update('lamps', { mayRejoin: true }, operator);
    const outcomes = [];
    for (let count = 0; count <= 8; count++) {
      const { ownershipToken } = await create();
      outcomes.push(await provision(ownershipToken, { SerialNumber: '7' }));
    }
    expect(outcomes.filter(({ kind }) => kind === 'provisioned')).toHaveLength(8);
    expect(outcomes.at(-1)).toMatchObject({ reason: 'thing_has_too_many' });
  });

  test('a certificate that an operator switched off is not switched on by its token', async () => {
    const created = await create();
    const { certificateId } = created.signed.record;
    await platform.certificates.setState({ certificateId, state: 'INACTIVE' }, operator);
    expect(await provision(created.ownershipToken, { SerialNumber: '7' })).toMatchObject({
      reason: 'ownership_unknown',
    });
    expect(standing(created)).toBe('inactive');
  });

  test.each([
    ['FAIL', { kind: 'refused', reason: 'thing_differs' }, { old: '1', room: 'attic' }],
    ['DO_NOTHING', { kind: 'provisioned' }, { old: '1', room: 'attic' }],
    ['MERGE', { kind: 'provisioned' }, { old: '1', room: 'cellar', serial: '7' }],
    ['REPLACE', { kind: 'provisioned' }, { room: 'cellar', serial: '7' }],
  ] as const)('with other attributes: %s', async (override, outcome, attributes) => {
    const body = structuredClone(lampTemplate);
    body.Resources.thing.OverrideSettings.AttributePayload = override;
    await platform.provisioning.templates.addVersion(
      { name: 'lamps', body: JSON.stringify(body), setAsDefault: true },
      operator,
    );
    const name = parseThingName('lamp-7');
    await platform.things.create({ name, attributes: { old: '1', room: 'attic' } }, operator);
    const { ownershipToken } = await create();
    expect(await provision(ownershipToken, { SerialNumber: '7', Room: 'cellar' })).toMatchObject(outcome);
    expect(platform.things.get(name).attributes).toEqual(attributes);
  });
});

describe('what a template gives', () => {
  /** Puts a version in force with these properties of the thing, and this policy. */
  async function versionWith(thing: object, policyName = 'lamps'): Promise<void> {
    const { Resources, ...rest } = lampTemplate;
    const Properties = { ...Resources.thing.Properties, ...thing };
    const policy = { ...Resources.policy, Properties: { PolicyName: policyName } };
    const body = { ...rest, Resources: { ...Resources, thing: { ...Resources.thing, Properties }, policy } };
    await platform.provisioning.templates.addVersion(
      { name: 'lamps', body: JSON.stringify(body), setAsDefault: true },
      operator,
    );
  }

  const statement = (action: string, resource: string) => ({
    Effect: 'Allow',
    Action: action,
    Resource: `arn:aws:iot:REGION:ACCOUNT_ID:${resource}`,
  });

  async function makePolicy(name: string, statements: readonly object[]): Promise<void> {
    const document = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await platform.policies.create({ name: parsePolicyName(name), document }, operator);
  }

  test('puts a new thing in its groups', async () => {
    await platform.groups.create({ name: parseGroupName('attic-lamps') }, operator);
    await versionWith({ ThingGroups: ['attic-lamps'] });
    const { ownershipToken } = await create();
    await provision(ownershipToken, { SerialNumber: '7' });
    expect(platform.groups.groupsOf(parseThingName('lamp-7'))).toEqual(['attic-lamps']);
  });

  test('is all given or nothing: a policy or a group that is gone leaves the certificate as it was', async () => {
    for (const [thing, policyName] of [
      [{}, 'gone'],
      [{ ThingGroups: ['gone'] }, 'lamps'],
    ] as const) {
      await versionWith(thing, policyName);
      const created = await create();
      const outcome = await provision(created.ownershipToken, { SerialNumber: '9' });
      expect(outcome).toMatchObject({
        reason: 'policy_missing',
        explanation: expect.stringContaining('gone'),
      });
      expect(outcome).toMatchObject({ deviceText: expect.not.stringContaining('gone') });
      expect(standing(created)).toBe('pending');
      expect(platform.things.known(parseThingName('lamp-9'))).toBeUndefined();
    }
  });

  test('is held to the guard rails, together with what its groups bring', async () => {
    await makePolicy('shout', [statement('iot:Publish', 'topic/all/x')]);
    await makePolicy('hear', [
      statement('iot:Subscribe', 'topicfilter/all/x'),
      statement('iot:Receive', 'topic/all/x'),
    ]);
    await platform.groups.create({ name: parseGroupName('loud') }, operator);
    const attachment = { policyName: parsePolicyName('hear'), groupName: parseGroupName('loud') };
    await platform.policies.attachments.attachToGroup(attachment, operator);
    const property = { kind: 'no-cross-device' } as const;
    await platform.policies.requireProof({ name: 'apart', policyName: undefined, property }, operator);
    await versionWith({ ThingGroups: ['loud'] }, 'shout');
    const created = await create();
    const outcome = await provision(created.ownershipToken, { SerialNumber: '1' });
    expect(outcome).toMatchObject({
      reason: 'policy_missing',
      explanation: expect.stringContaining('apart'),
    });
    expect(standing(created)).toBe('pending');
    await versionWith({}, 'shout');
    expect(await provision(created.ownershipToken, { SerialNumber: '1' })).toMatchObject({
      kind: 'provisioned',
    });
  });
});
