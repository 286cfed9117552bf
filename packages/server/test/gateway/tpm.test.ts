import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePem, parseCertificatesPem, parseTpmPublic } from '@fleetward/pki';
import {
  addEndorsement,
  createJoinToken,
  getCertificate,
  listEndorsements,
  listEnrollmentAttempts,
  removeEndorsement,
} from '@fleetward/protocol';
import {
  AttestingDevice,
  describeWithTpm,
  deviceKeyHandle,
  needs,
  requireProgram,
  runProgram,
} from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publicKeyHash } from '../../src/certificates/index.ts';

const script = join(import.meta.dirname, '../../../../examples/shell/tpm-enrol.sh');

describeWithTpm('a device with a TPM', () => {
  needs('curl', 'curl').describe('and curl', () => {
    let platform: TestPlatform;
    let device: AttestingDevice;
    let token: string;

    beforeAll(async () => {
      platform = await startTestPlatform();
      device = await AttestingDevice.start(platform.folder.join('tpm'));
      const body = { namePattern: 'pump-*', profile: 'tpm-device', usesMax: 2 } as const;
      token = (await platform.api.call(createJoinToken, { body })).secret;
    });

    afterAll(async () => {
      await device?.[Symbol.asyncDispose]();
      await platform?.stop();
    });

    /** Runs the example as the device's owner does, in a folder with the root and the token. */
    async function enrol(name: string) {
      const folder = platform.folder.join(name);
      mkdirSync(folder, { recursive: true });
      copyFileSync(platform.rootFile, join(folder, 'root.pem'));
      writeFileSync(join(folder, 'join-token'), `${token}\n`, { mode: 0o600 });
      const port = String(platform.platform.ports.devices);
      const environment = { ...device.tpm.environment, FLEETWARD_HTTPS_PORT: port };
      return { folder, ...(await runProgram('/bin/sh', [script, name, folder], { environment })) };
    }

    async function post(path: string, body: string, user = `pump:${token}`) {
      const url = `https://localhost:${platform.platform.ports.devices}/v1/${path}`;
      const asked = [
        '--cacert',
        platform.rootFile,
        '-u',
        user,
        '-H',
        'content-type: application/json',
        '-d',
        '@-',
      ];
      const { stdout } = await runProgram(
        requireProgram('curl', 'curl'),
        ['-s', '-w', '\n%{http_code}', ...asked, url],
        { input: body },
      );
      const [answer = '', status] = stdout.toString().split('\n');
      return { status: Number(status), answer };
    }

    test('enrols by the example in shell once its endorsement key is trusted, and not before', async () => {
      const early = await enrol('pump-1');
      expect(early.code).not.toBe(0);
      expect(early.stderr).toContain('endorsement_untrusted');
      await device.tpm.run('createek', '-c', 'ek.ctx', '-G', 'rsa', '-u', 'ek.pub');
      const ekHash = publicKeyHash(parseTpmPublic(device.tpm.read('ek.pub')).publicKey);
      await platform.api.call(addEndorsement, { body: { ekHash } });
      const { code, stderr, stdout, folder } = await enrol('pump-1');
      expect(code, stderr).toBe(0);
      expect(stdout.toString()).toBe(
        `enrolled: the certificate is in identity.pem, its key in the TPM at ${deviceKeyHandle}\n`,
      );
      expect(readdirSync(folder).toSorted()).toEqual(['identity.pem', 'root.pem']);
      const again = await runProgram('/bin/sh', [script, 'pump-1', folder]);
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('needs a join token') });
      const [leaf] = parseCertificatesPem(readFileSync(join(folder, 'identity.pem'), 'utf8'));
      const found = await platform.api.call(getCertificate, { params: { certificateId: leaf!.id } });
      expect(found).toMatchObject({ profile: 'tpm-device', state: 'ACTIVE', thingNames: ['pump-1'] });
      const { attempts } = await platform.api.call(listEnrollmentAttempts, { query: { limit: 3 } });
      expect(attempts.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
        'tpm-enrollment issued',
        'tpm-challenge challenged',
        'tpm-challenge refused',
      ]);
      const { endorsements } = await platform.api.call(listEndorsements, { query: {} });
      expect(endorsements).toMatchObject([{ endorsementId: ekHash, kind: 'key' }]);
      await platform.api.call(removeEndorsement, { params: { endorsementId: ekHash } });
    });

    test('is told why EST does not take its token', async () => {
      const csr = await runProgram(requireProgram('openssl', 'openssl'), [
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-noenc',
        '-keyout',
        '/dev/null',
        '-subj',
        '/CN=pump-2',
      ]);
      const answer = await platform.enrolCsr(csr.stdout.toString(), token);
      expect(answer.status).toBe(403);
      expect(answer.body).toContain('/v1/tpm-challenges');
    });

    test('needs its token, and a body that is one', async () => {
      for (const path of ['tpm-challenges', 'tpm-enrollments']) {
        expect(await post(path, '{}', 'pump:')).toMatchObject({ status: 401 });
        for (const body of ['', '[]', '{}', '{"challengeId":1}', `{"csr":"${'A'.repeat(20_000)}"}`])
          expect(await post(path, body), body).toMatchObject({
            status: 400,
            answer: expect.stringContaining('attestation_malformed'),
          });
        expect(await post(path, `{"csr":"${'A'.repeat(40_000)}"}`)).toMatchObject({ status: 413 });
      }
      const answer = JSON.stringify({ challengeId: '0'.repeat(32), secret: '', csr: '' });
      const refused = { status: 400, answer: expect.stringContaining('challenge_refused') };
      expect(await post('tpm-enrollments', answer)).toMatchObject(refused);
      expect(await post('tpm-enrollments', answer, `pump:fwj_${'A'.repeat(43)}`)).toMatchObject({
        status: 401,
      });
    });

    test('is not believed by a root that is none', async () => {
      const rootPem = encodePem('CERTIFICATE', Buffer.from('3000', 'hex'));
      await expect(platform.api.call(addEndorsement, { body: { rootPem } })).rejects.toMatchObject({
        problem: { code: 'endorsements.refused' },
      });
    });
  });
});
