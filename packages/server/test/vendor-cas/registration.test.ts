import { copyFileSync } from 'node:fs';
import { temporaryFolder } from '@fleetward/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPlatform, type Platform, reopened, trailOf } from '../certificates/test-platform.ts';
import { lampTemplate, operator } from '../provisioning/fleet.ts';
import { newVendor, type Vendor } from './vendor.ts';

const hourMs = 3_600_000;
let folder = temporaryFolder();
let platform: Platform;
let vendor: Vendor;

async function start(): Promise<void> {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path, vendorCas: { codesMax: 20 } });
  vendor = await newVendor(folder);
  platform.clock.set(Date.now() + 60_000);
}

async function end(): Promise<void> {
  await platform.close();
  folder.remove();
}

const newCode = async (): Promise<string> => (await platform.vendorCas.codes.create(operator)).code;

async function register(from = vendor, code?: string) {
  const verification = await from.verify(code ?? (await newCode()));
  return platform.vendorCas.register({ ca: from.ca, verification }, operator);
}

const states = () => platform.vendorCas.list().map(({ state }) => state);

describe('a vendor CA is registered', () => {
  beforeEach(start);
  afterEach(end);

  test('by whoever holds its key, with a template that then cannot go', async () => {
    const { templates } = platform.provisioning;
    const body = JSON.stringify(lampTemplate);
    await templates.create({ name: 'lamps', body, mayRejoin: false }, operator);
    const verification = await vendor.verify(await newCode());
    const wanted = { ca: vendor.ca, verification, templateName: 'lamps' };
    const registered = await platform.vendorCas.register(wanted, operator);
    expect(registered).toMatchObject({ certificateId: vendor.ca.id, state: 'active', templateName: 'lamps' });
    const isUsed = (name: string) => platform.provisioning.isUsed(name);
    await expect(templates.remove('lamps', isUsed, operator)).rejects.toMatchObject({
      code: 'provisioning.template_in_use',
    });
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['vendor_ca.code_created', 'vendor_ca.registered']));
    platform = await reopened(platform);
    expect(platform.vendorCas.list()).toMatchObject([{ certificateId: vendor.ca.id, templateName: 'lamps' }]);
  });

  test('not with a template that is not there: the code is not used up', async () => {
    const code = await newCode();
    const wanted = { ca: vendor.ca, verification: await vendor.verify(code), templateName: 'none' };
    await expect(platform.vendorCas.register(wanted, operator)).rejects.toMatchObject({
      code: 'provisioning.template_not_found',
    });
    expect((await register(vendor, code)).state).toBe('active');
  });

  test('once, whatever certificate of its key is shown', async () => {
    await register();
    await expect(register()).rejects.toMatchObject({ code: 'vendor_cas.exists' });
    const ca = await vendor.again('/CN=Another name');
    const verification = await vendor.verify(await newCode());
    await expect(platform.vendorCas.register({ ca, verification }, operator)).rejects.toMatchObject({
      code: 'vendor_cas.exists',
    });
  });

  test('and goes on by a later certificate of its name and key, under its id, its state and its template', async () => {
    await register();
    const renewed = await vendor.again('/O=Acme/CN=Acme Device CA', '7300');
    const wanted = { ca: renewed, verification: await vendor.verify(await newCode()) };
    await expect(
      platform.vendorCas.register({ ...wanted, templateName: 'other' }, operator),
    ).rejects.toMatchObject({ code: 'vendor_cas.exists' });
    await platform.vendorCas.setState(vendor.ca.id, 'inactive', operator);
    expect(await platform.vendorCas.register(wanted, operator)).toMatchObject({
      certificateId: vendor.ca.id,
      state: 'inactive',
      certificate: { id: renewed.id },
    });
    await expect(platform.vendorCas.register(wanted, operator)).rejects.toMatchObject({
      code: 'vendor_cas.exists',
    });
    platform = await reopened(platform);
    expect(platform.vendorCas.list()).toMatchObject([
      { certificateId: vendor.ca.id, state: 'inactive', certificate: { id: renewed.id } },
    ]);
    expect((await trailOf(platform.trail)).map(({ kind }) => kind)).toContain('vendor_ca.renewed');
  });

  test('and none with its name or its key becomes a CA of the platform', async () => {
    await register();
    const sameName = (await newVendor(folder)).ca;
    for (const ca of [vendor.ca, sameName, await vendor.again('/CN=Another name')])
      await expect(
        platform.certificates.importCas([ca], { kind: 'operator', operatorId: 'ada' }),
      ).rejects.toThrow(/the vendor CA `[0-9a-f]{64}` has its name or its key/);
  });

  test('not more of them, and not more codes, than the settings allow', async () => {
    for (let at = 0; at < 20; at++) await newCode();
    await expect(newCode()).rejects.toMatchObject({ code: 'vendor_cas.limit' });
    platform.clock.advance(2 * hourMs);
    await newCode();
  });
});

describe('a code', () => {
  beforeEach(start);
  afterEach(end);

  test('works once, also when two use it in one moment', async () => {
    const code = await newCode();
    const other = await newVendor(folder, { subject: '/CN=Other' });
    const outcomes = await Promise.allSettled([register(vendor, code), register(other, code)]);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'vendor_cas.code_refused' } }]);
    expect(platform.vendorCas.list()).toHaveLength(1);
  });

  test.each([
    [
      'expired',
      async () => {
        const code = await newCode();
        platform.clock.advance(hourMs + 1);
        return code;
      },
    ],
    ['never given', async () => 'ab'.repeat(32)],
  ])('that is %s registers nothing', async (_, codeOf) => {
    await expect(register(vendor, await codeOf())).rejects.toMatchObject({ code: 'vendor_cas.code_refused' });
    expect(platform.vendorCas.list()).toEqual([]);
  });
});

describe('a verification certificate that does not prove possession is refused', () => {
  beforeAll(start);
  afterAll(end);

  const cases: readonly (readonly [string, (code: string) => Promise<Vendor['ca']>, RegExp])[] = [
    [
      'of another CA',
      async (code) => (await newVendor(folder, { subject: '/CN=Mallory' })).verify(code),
      /issued it, not/,
    ],
    [
      'of another key under the same name',
      async (code) => (await newVendor(folder)).verify(code),
      /the key of the CA did not sign it/,
    ],
    ['the CA itself', async () => vendor.ca, /the CA itself/],
    ['signed with SHA-1', (code) => vendor.verify(code, { digest: 'sha1' }), /sha-?1|not accepted|weak/i],
    [
      'a CA',
      (code) => vendor.verify(code, { extensions: ['basicConstraints=critical,CA:TRUE'] }),
      /it is a CA/,
    ],
    ['without a code', () => vendor.verify('lamp-1'), /no registration code/],
    ['with two names', (code) => vendor.verify(`x/CN=${code}`), /no registration code/],
  ];
  test.each(cases)('%s', async (_, make, says) => {
    const code = await newCode();
    const wanted = { ca: vendor.ca, verification: await make(code) };
    const refused = expect(platform.vendorCas.register(wanted, operator)).rejects;
    await refused.toMatchObject({
      code: 'vendor_cas.verification_refused',
      message: expect.stringMatching(says),
    });
    // It was not used up.
    expect(await register(vendor, code)).toMatchObject({ state: 'active' });
    await platform.vendorCas.setState(vendor.ca.id, 'inactive', operator);
    await platform.vendorCas.remove(vendor.ca.id, operator);
  });

  test('one that is not valid now', async () => {
    platform.clock.advance(30 * 24 * hourMs);
    const verification = await vendor.verify(await newCode(), { days: '1' });
    await expect(
      platform.vendorCas.register({ ca: vendor.ca, verification }, operator),
    ).rejects.toMatchObject({
      code: 'vendor_cas.verification_refused',
    });
  });
});

describe('a CA by which no device could be believed is refused', () => {
  beforeAll(start);
  afterAll(end);

  test.each([
    [
      'no CA',
      { extensions: ['basicConstraints=critical,CA:FALSE', 'subjectKeyIdentifier=hash'] },
      /not marked as a CA/,
    ],
    ['a short RSA key', { algorithm: ['RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] }, /1024|bits/],
    [
      'a CA mark that is not critical',
      { extensions: ['basicConstraints=CA:TRUE', 'subjectKeyIdentifier=hash'] },
      /critically/,
    ],
    [
      'a key usage without signing',
      {
        extensions: [
          'basicConstraints=critical,CA:TRUE',
          'keyUsage=digitalSignature',
          'subjectKeyIdentifier=hash',
        ],
      },
      /may not sign/,
    ],
    ['the name of our issuing CA', { subject: '/CN=Test Issuing CA' }, /a CA of this platform/],
    ['the name of our root', { subject: '/CN=Test Root' }, /a CA of this platform/],
    ['an end that has come', { days: '1' }, /was valid until/],
  ])('%s', async (what, options, says) => {
    const code = await newCode();
    if (what.startsWith('an end')) platform.clock.advance(30 * 24 * hourMs);
    const hostile = await newVendor(folder, options);
    const refused = expect(register(hostile, what.startsWith('an end') ? await newCode() : code)).rejects;
    await refused.toMatchObject({ code: 'vendor_cas.ca_refused', message: expect.stringMatching(says) });
    expect(platform.vendorCas.list()).toEqual([]);
  });
});

describe('a vendor CA is switched off', () => {
  beforeEach(start);
  afterEach(end);

  const set = (state: 'active' | 'inactive') => platform.vendorCas.setState(vendor.ca.id, state, operator);
  beforeEach(async () => {
    await register();
  });

  test('and on again, over restarts', async () => {
    await set('inactive');
    expect(platform.events.at(-1)).toMatchObject({ kind: 'vendor-ca-changed', certificateId: vendor.ca.id });
    platform = await reopened(platform);
    expect(states()).toEqual(['inactive']);
    await set('active');
    platform = await reopened(platform);
    expect(states()).toEqual(['active']);
  });

  test('and a restored backup from before that does not bring it back', async () => {
    platform = await reopened(platform); // what was in the log is in the file
    const backup = 'backup.db';
    copyFileSync(folder.join('records.db'), folder.join(backup));
    await set('inactive');
    platform = await reopened(platform, backup);
    expect(states()).toEqual(['inactive']);
    const replayed = (await trailOf(platform.trail)).filter(({ kind }) => kind === 'vendor_ca.state_changed');
    expect(replayed).toMatchObject([{ payload: { state: 'inactive', replayedFromJournal: true } }]);
  });

  test('before it is deleted, and one that was deleted takes a new code', async () => {
    const remove = () => platform.vendorCas.remove(vendor.ca.id, operator);
    await expect(remove()).rejects.toMatchObject({ code: 'vendor_cas.state' });
    await set('inactive');
    await remove();
    await expect(remove()).rejects.toMatchObject({ code: 'vendor_cas.not_found' });
    await register();
    platform = await reopened(platform);
    expect(states()).toEqual(['active']);
  });
});
