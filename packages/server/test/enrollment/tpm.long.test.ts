import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseSha256 } from '@fleetward/core';
import {
  type Certificate,
  parseCertificate,
  parseCertificatesPem,
  parseTpmPublic,
  profiles,
  profileUris,
} from '@fleetward/pki';
import {
  AttestingDevice,
  describeWithTpm,
  needs,
  openssl,
  requireProgram,
  runProgram,
  SoftwareTpm,
  type TemporaryFolder,
  type TpmEvidence,
  temporaryFolder,
} from '@fleetward/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { publicKeyHash } from '../../src/certificates/index.ts';
import type { ShownEvidence } from '../../src/enrollment/index.ts';
import { openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { makeCsr, makeKey } from './device-csr.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const remoteAddress = '192.0.2.7';
const binding = { kind: 'none', why: 'no TLS here' } as const;
const minuteMs = 60_000;

describeWithTpm('a device that shows its TPM', () => {
  let tpms: TemporaryFolder;
  let folder: TemporaryFolder;
  let device: AttestingDevice;
  let stranger: AttestingDevice;
  let shown: TpmEvidence;
  let others: TpmEvidence;
  let platform: Platform;
  let secret: string;

  beforeAll(async () => {
    tpms = temporaryFolder();
    device = await AttestingDevice.start(tpms.join('device'));
    stranger = await AttestingDevice.start(tpms.join('stranger'));
    [shown, others] = [await device.prepare(), await stranger.prepare()];
  });

  afterAll(async () => {
    await device[Symbol.asyncDispose]();
    await stranger[Symbol.asyncDispose]();
    tpms.remove();
  });

  beforeEach(async () => {
    folder = temporaryFolder();
    platform = await openPlatform({ folder: folder.path });
    platform.clock.set(Date.now() + minuteMs); // vendors’ certificates are made now
    await trust(shown);
    secret = await newToken();
  });

  afterEach(async () => {
    await platform.close();
    folder.remove();
  });

  async function newToken(profile: 'device' | 'tpm-device' = 'tpm-device', usesMax = 5): Promise<string> {
    const terms = { namePattern: 'pump-*', usesMax, profile, validityMs: 60 * minuteMs, policies: [] };
    return (await platform.enrollment.tokens.create(terms, operator)).secret;
  }

  const keyHashOf = (area: Uint8Array) => publicKeyHash(parseTpmPublic(area).publicKey);

  const trust = ({ endorsementKey }: TpmEvidence) =>
    platform.endorsements.add({ kind: 'key', hash: parseSha256(keyHashOf(endorsementKey)) }, operator);

  function evidenceOf({ endorsementKey, attestation, ...rest }: TpmEvidence): ShownEvidence {
    return { ...rest, endorsementKey: { publicArea: endorsementKey }, certification: attestation };
  }

  const challenge = (evidence: TpmEvidence, token = secret, from = remoteAddress) =>
    platform.enrollment.challenge({ evidence: evidenceOf(evidence), secret: token, remoteAddress: from });

  async function given(evidence = shown, token = secret) {
    const outcome = await challenge(evidence, token);
    if (outcome.kind === 'refused') throw new Error(outcome.explanation);
    return outcome;
  }

  const enroll = (challengeId: string, answer: Uint8Array, csrDer: Uint8Array, token = secret) =>
    platform.enrollment.enrollWithTpm({
      answer: { challengeId, secret: answer },
      csrDer,
      secret: token,
      remoteAddress,
      binding,
    });

  async function newestAttempt() {
    const [{ attemptId } = { attemptId: '' }] = await platform.enrollment.attempts(1);
    return platform.enrollment.attempt(attemptId);
  }

  const enrolledBy = async (tpm: AttestingDevice, evidence: TpmEvidence, name: string) => {
    const { challengeId, ...credential } = await given(evidence);
    return enroll(challengeId, await tpm.activate(credential), await tpm.csr(`/CN=${name}`));
  };

  test('has a certificate for the key in it, and both attempts tell step by step how', async () => {
    const outcome = await enrolledBy(device, shown, 'pump-1');
    if (outcome.kind !== 'issued') throw new Error(outcome.explanation);
    const [leaf] = outcome.chain as [Certificate];
    expect(publicKeyHash(leaf.publicKey)).toBe(keyHashOf(shown.deviceKey));
    const uris = leaf.extensions.subjectAltName?.map((name) => name.kind === 'uri' && name.value);
    expect(uris).toEqual(profileUris(profiles['tpm-device'], 'pump-1'));
    expect(platform.certificates.summary(outcome.certificateId)?.profile).toBe('tpm-device');
    expect(platform.things.certificatesOf(outcome.thingName)).toHaveLength(1);
    const enrolment = await newestAttempt();
    expect(enrolment).toMatchObject({
      operation: 'tpm-enrollment',
      outcome: 'issued',
      thingName: 'pump-1',
    });
    expect(enrolment.steps.map(({ step }) => step).slice(0, 3)).toEqual(['token', 'challenge', 'csr']);
    const [, { attemptId }] = (await platform.enrollment.attempts(2)) as [unknown, { attemptId: string }];
    const challenged = await platform.enrollment.attempt(attemptId);
    expect(challenged).toMatchObject({ operation: 'tpm-challenge', outcome: 'challenged', reason: 'ok' });
    expect(challenged.steps.map(({ step, outcome: end }) => `${step} ${end}`)).toEqual([
      'token passed',
      'evidence passed',
      'endorsement passed',
      'attestation-key passed',
      'device-key passed',
      'attestation passed',
      'challenge passed',
    ]);
  });

  test('has the same certificate again when the answer was lost', async () => {
    const first = await enrolledBy(device, shown, 'pump-1');
    const again = await enrolledBy(device, shown, 'pump-1');
    expect(again).toMatchObject({ kind: 'issued', isRepeated: true });
    expect(again).toMatchObject({ certificateId: first.kind === 'issued' && first.certificateId });
  });

  test('may have keys of RSA, and an endorsement key of RSA', async () => {
    const rsa = await device.prepare({ endorsement: 'rsa', attestation: 'rsa', device: 'rsa' });
    await trust(rsa);
    expect(await enrolledBy(device, rsa, 'pump-2')).toMatchObject({ kind: 'issued' });
    shown = await device.prepare();
  });

  test('gets nothing over EST with a token of profile `tpm-device`', async () => {
    const csrDer = await device.csr('/CN=pump-1');
    const outcome = await platform.enrollment.enroll({ csrDer, secret, remoteAddress, binding });
    expect(outcome).toMatchObject({ reason: 'attestation_missing', fault: 'certificate' });
    expect(await newestAttempt()).toMatchObject({ outcome: 'refused', reason: 'attestation_missing' });
  });

  test('gets no challenge by a token of another profile', async () => {
    expect(await challenge(shown, await newToken('device'))).toMatchObject({
      reason: 'profile_not_allowed',
    });
    expect(await challenge(shown, 'fwj_none')).toMatchObject({ reason: 'token_unknown', fault: 'token' });
  });

  test('with an endorsement key that nobody trusts gets no challenge, also not once it is trusted no more', async () => {
    expect(await challenge(others)).toMatchObject({
      reason: 'endorsement_untrusted',
      deviceText: expect.not.stringContaining(keyHashOf(others.endorsementKey)),
    });
    const { explanation } = await newestAttempt();
    expect(explanation).toContain(keyHashOf(others.endorsementKey)); // the operator's to copy
    await platform.endorsements.remove(parseSha256(keyHashOf(shown.endorsementKey)), operator);
    expect(await challenge(shown)).toMatchObject({ reason: 'endorsement_untrusted' });
  });

  test('cannot answer for the TPM of another, whose endorsement key it shows', async () => {
    const borrowed = await given({ ...others, endorsementKey: shown.endorsementKey });
    await expect(stranger.activate(borrowed)).rejects.toThrow(/activatecredential/);
    // Nor does the other's TPM: it does not hold the attestation key.
    await expect(device.activate(borrowed)).rejects.toThrow(/integrity check failed/);
  });

  test('cannot show a key that is not in it', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const area = Buffer.from(shown.deviceKey);
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    Buffer.from(x, 'base64url').copy(area, area.length - 66);
    Buffer.from(y, 'base64url').copy(area, area.length - 32);
    expect(await challenge({ ...shown, deviceKey: area })).toMatchObject({ reason: 'attestation_refused' });
  });

  test.each([
    ['was put into it from outside', 'userwithauth|sign'],
    ['may leave it for another', 'sensitivedataorigin|userwithauth|sign'],
  ])('cannot show a key that %s', async (_, attributes) => {
    const { tpm } = device;
    if (attributes.startsWith('user')) {
      await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', tpm.path('soft.pem')]);
      const files = ['-u', 'soft.pub', '-r', 'soft.priv'];
      await tpm.run('import', '-C', 'parent.ctx', '-G', 'ecc', '-i', 'soft.pem', '-a', attributes, ...files);
      await tpm.run('load', '-C', 'parent.ctx', ...files, '-c', 'soft.ctx');
    } else {
      await tpm.run('startauthsession', '-S', 'trial.ctx');
      await tpm.run('policycommandcode', '-S', 'trial.ctx', '-L', 'duplication', 'TPM2_CC_Duplicate');
      await tpm.run('flushcontext', 'trial.ctx');
      const made = ['-u', 'soft.pub', '-r', 'soft.priv', '-c', 'soft.ctx', '-L', 'duplication'];
      await tpm.run('create', '-C', 'parent.ctx', '-G', 'ecc256', '-a', attributes, ...made);
    }
    await device.certify('soft.ctx');
    const outcome = await challenge({ ...device.evidence(), deviceKey: tpm.read('soft.pub') });
    await device.certify();
    expect(outcome).toMatchObject({
      reason: 'attestation_refused',
      explanation: expect.stringContaining('leave'),
    });
  });

  test('cannot have a key attest that signs whatever it is given', async () => {
    const { tpm } = device;
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign';
    const made = ['-u', 'loose.pub', '-r', 'loose.priv', '-c', 'loose.ctx'];
    await tpm.run('create', '-C', 'parent.ctx', '-G', 'ecc256', '-a', attributes, ...made);
    const files = ['-o', 'loose.attestation', '-s', 'loose.signature'];
    await tpm.run('certify', '-c', 'key.ctx', '-C', 'loose.ctx', '-g', 'sha256', ...files);
    const outcome = await challenge({
      ...shown,
      attestationKey: tpm.read('loose.pub'),
      attestation: tpm.read('loose.attestation'),
      signature: tpm.read('loose.signature'),
    });
    expect(outcome).toMatchObject({ explanation: expect.stringContaining('no restricted signing key') });
  });

  test('cannot show an attestation that was written outside of it, or one of another key', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const raw = sign('sha256', shown.attestation, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const part = (from: number) => Buffer.concat([Buffer.from([0, 32]), raw.subarray(from, from + 32)]);
    const signature = Buffer.concat([Buffer.from('0018000b', 'hex'), part(0), part(32)]);
    const explanation = 'the attestation key did not sign the attestation';
    expect(await challenge({ ...shown, signature })).toMatchObject({
      reason: 'attestation_refused',
      explanation,
    });
    expect(await challenge({ ...shown, deviceKey: others.deviceKey })).toMatchObject({
      reason: 'attestation_refused',
      explanation: 'the attestation is of another key than the device’s',
    });
  });

  test('is refused for structures that are cut off, too long or of something else', async () => {
    for (const name of [
      'endorsementKey',
      'attestationKey',
      'deviceKey',
      'attestation',
      'signature',
    ] as const) {
      const bytes = shown[name];
      for (const wrong of [
        bytes.subarray(0, -1),
        Buffer.concat([bytes, Buffer.alloc(1)]),
        new Uint8Array(5_000),
      ])
        expect(await challenge({ ...shown, [name]: wrong }), name).toMatchObject({
          kind: 'refused',
          reason: expect.stringMatching(/^attestation_(malformed|refused)$/),
        });
    }
  });

  test('answers a challenge once, right or wrong', async () => {
    const csr = await device.csr('/CN=pump-1');
    const wrong = await given();
    expect(await enroll(wrong.challengeId, new Uint8Array(32), csr)).toMatchObject({
      reason: 'challenge_refused',
    });
    const afterwards = await enroll(wrong.challengeId, await device.activate(wrong), csr);
    expect(afterwards).toMatchObject({ reason: 'challenge_refused' });
    const right = await given();
    const answer = await device.activate(right);
    expect(await enroll(right.challengeId, answer, csr)).toMatchObject({ kind: 'issued' });
    expect(await enroll(right.challengeId, answer, csr)).toMatchObject({ reason: 'challenge_refused' });
  });

  test('answers within five minutes', async () => {
    const csr = await device.csr('/CN=pump-1');
    const [late, inTime] = [await given(), await given()];
    const [lateAnswer, answer] = [await device.activate(late), await device.activate(inTime)];
    platform.clock.advance(5 * minuteMs - 1);
    expect(await enroll(inTime.challengeId, answer, csr)).toMatchObject({ kind: 'issued' });
    platform.clock.advance(1);
    expect(await enroll(late.challengeId, lateAnswer, csr)).toMatchObject({ reason: 'challenge_refused' });
  });

  test('answers with the token by which it was challenged, which another token does not use up', async () => {
    const csr = await device.csr('/CN=pump-1');
    const one = await given();
    const answer = await device.activate(one);
    const other = await newToken();
    expect(await enroll(one.challengeId, answer, csr, other)).toMatchObject({
      reason: 'challenge_refused',
    });
    expect(await enroll(one.challengeId, answer, csr)).toMatchObject({ kind: 'issued' });
  });

  test('gets a certificate for no other key than the attested one', async () => {
    const key = await makeKey(folder, 'soft', 'ec:P-256');
    const one = await given();
    const outcome = await enroll(
      one.challengeId,
      await device.activate(one),
      await makeCsr(key, { subject: '/CN=pump-1' }),
    );
    expect(outcome).toMatchObject({ reason: 'key_not_attested', thingName: 'pump-1' });
  });

  needs('swtpm_setup', 'swtpm-tools').describe('made by a vendor', () => {
    let root: Certificate;
    let issuer: Certificate;
    let certificate: Certificate;

    beforeAll(async () => {
      const made = await manufacture(tpms);
      ({ root, issuer, certificate } = made);
      await using tpm = await AttestingDevice.start(made.state);
      others = await tpm.prepare({ endorsement: 'rsa' });
    });

    const byCertificate = (intermediates: readonly Certificate[], leaf = certificate) => {
      const { endorsementKey: _, ...rest } = evidenceOf(others);
      const endorsementKey = { certificate: leaf.der, intermediates: intermediates.map(({ der }) => der) };
      return platform.enrollment.challenge({
        evidence: { ...rest, endorsementKey },
        secret,
        remoteAddress,
      });
    };

    test('is believed by the vendor’s root, or the CA below it', async () => {
      expect(keyHashOf(others.endorsementKey)).toBe(publicKeyHash(certificate.publicKey));
      expect(await byCertificate([issuer])).toMatchObject({ reason: 'endorsement_untrusted' });
      await platform.endorsements.add({ kind: 'root', certificate: root }, operator);
      expect(await byCertificate([])).toMatchObject({ reason: 'endorsement_untrusted' });
      expect(await byCertificate([issuer])).toMatchObject({ kind: 'challenged' });
      await platform.endorsements.remove(parseSha256(root.id), operator);
      await platform.endorsements.add({ kind: 'root', certificate: issuer }, operator);
      expect(await byCertificate([])).toMatchObject({ kind: 'challenged' });
    });

    test('is believed by its certificate, which an operator names', async () => {
      await platform.endorsements.add({ kind: 'key', certificate }, operator);
      expect(await byCertificate([])).toMatchObject({ kind: 'challenged' });
      expect(await challenge(others)).toMatchObject({ kind: 'challenged' });
    });

    test('is not believed by a certificate of that CA for anything else than an endorsement key', async () => {
      await platform.endorsements.add({ kind: 'root', certificate: issuer }, operator);
      const key = folder.join('tls.key');
      await openssl(['genrsa', '-out', key, '2048']);
      const signer = ['-CA', tpms.join('ca', 'issuercert.pem'), '-CAkey', tpms.join('ca', 'signkey.pem')];
      const csr = await openssl(['req', '-new', '-key', key, '-subj', '/CN=tls']);
      const extensions = folder.join('extensions');
      writeFileSync(
        extensions,
        'keyUsage=keyEncipherment\nextendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n',
      );
      const der = await openssl(['x509', '-req', ...signer, '-extfile', extensions, '-outform', 'DER'], {
        input: csr,
      });
      expect(await byCertificate([], parseCertificate(der))).toMatchObject({
        reason: 'endorsement_untrusted',
        explanation: expect.stringContaining('does not name endorsement'),
      });
    });
  });

  test('operators list what they trust, once, and no CA as a key or key as a CA', async () => {
    await expect(trust(shown)).rejects.toMatchObject({ code: 'endorsements.exists' });
    const [listed] = await platform.endorsements.page({ limit: 10 });
    expect(listed).toMatchObject({
      kind: 'key',
      endorsementId: keyHashOf(shown.endorsementKey),
      createdBy: 'ada',
    });
    const authorities = platform.certificates.caCertificates();
    const certificate = authorities[0]!;
    await expect(platform.endorsements.add({ kind: 'key', certificate }, operator)).rejects.toMatchObject({
      code: 'endorsements.refused',
    });
    const outcome = await enrolledBy(device, shown, 'pump-1');
    const leaf = outcome.kind === 'issued' ? outcome.chain[0]! : certificate;
    await expect(
      platform.endorsements.add({ kind: 'root', certificate: leaf }, operator),
    ).rejects.toMatchObject({
      code: 'endorsements.refused',
    });
    await platform.endorsements.remove(parseSha256(keyHashOf(shown.endorsementKey)), operator);
    await expect(
      platform.endorsements.remove(parseSha256(keyHashOf(shown.endorsementKey)), operator),
    ).rejects.toMatchObject({ code: 'endorsements.not_found' });
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['endorsement.added', 'endorsement.deleted']));
  });
});

/** A TPM as its vendor ships it: with an endorsement certificate in it, by a CA below a root. */
async function manufacture(folder: TemporaryFolder) {
  const [ca, state] = [folder.join('ca'), folder.join('made')];
  for (const path of [ca, state]) mkdirSync(path);
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(folder.join(name), `${lines.join('\n')}\n`);
    return folder.join(name);
  };
  const localCa = file('localca.conf', [
    `statedir = ${ca}`,
    `signingkey = ${ca}/signkey.pem`,
    `issuercert = ${ca}/issuercert.pem`,
    `certserial = ${ca}/certserial`,
  ]);
  const setup = file('setup.conf', [
    `create_certs_tool=${requireProgram('swtpm_localca', 'swtpm-tools')}`,
    `create_certs_tool_config=${localCa}`,
    `create_certs_tool_options=${file('localca.options', [])}`,
  ]);
  const made = ['--tpm2', '--tpmstate', state, '--create-ek-cert', '--config', setup, '--overwrite'];
  const { code, stderr } = await runProgram(requireProgram('swtpm_setup', 'swtpm-tools'), made);
  if (code !== 0) throw new Error(`swtpm_setup: ${stderr}`);
  await using tpm = await SoftwareTpm.start(state);
  await tpm.run('nvread', '-C', 'o', '0x1c00002', '-o', 'ek.der');
  const [issuer] = parseCertificatesPem(readFileSync(`${ca}/issuercert.pem`, 'utf8'));
  const [root] = parseCertificatesPem(readFileSync(`${ca}/swtpm-localca-rootca-cert.pem`, 'utf8'));
  return { state, certificate: parseCertificate(tpm.read('ek.der')), issuer: issuer!, root: root! };
}
