import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { encodePem, parseCertsOnly } from '@fleetward/pki';
import { listCas, listDenials, listTrail, revokeCertificate, setCaState } from '@fleetward/protocol';
import { FakeClock, needs, openssl, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allowAll, causes, connectMqtt, ended, idOf, tlsOf } from './raw-peers.ts';

const dayMs = 86_400_000;
const est = '/.well-known/est';

let clock: FakeClock;
let platform: TestPlatform;
let device: TestDevice;

beforeEach(async () => {
  clock = new FakeClock(Date.now());
  platform = await startTestPlatform({
    clock,
    settings: { certificates: { deviceValidityDays: 1, graceDays: 7 } },
  });
  await allowAll(platform);
  device = await platform.enrol('pump', { policies: ['all'] });
});
afterEach(() => platform.stop());

function expire(days = 1): void {
  clock.advance(days * dayMs + 60_000);
}

async function open(more: ConnectionOptions = {}): Promise<TLSSocket> {
  const port = platform.platform.ports.devices;
  const to = { port, host: '127.0.0.1', servername: 'localhost', ca: platform.rootPem };
  const socket = connect({ ...to, ...tlsOf(device), ...more });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

/** Status and body of one request; `closed` when the connection ended without an answer. */
async function ask(socket: TLSSocket, request: string, body = ''): Promise<readonly [string, string]> {
  const head = `Host: a\r\nContent-Type: application/pkcs10\r\nContent-Length: ${body.length}\r\n`;
  if (socket.closed) return ['closed', ''];
  const answer = await new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('close', () => resolve('closed'));
    socket.write(`${request} HTTP/1.1\r\n${head}\r\n${body}`);
  });
  const [top = '', text = ''] = answer.split('\r\n\r\n');
  return [/^HTTP\/1\.1 (\d+)/.exec(top)?.[1] ?? top, text];
}

async function csrFor(name: string): Promise<{ readonly keyFile: string; readonly base64: string }> {
  const keyFile = platform.folder.join(`${name}-new.key`);
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
  const der = await openssl(['req', '-new', '-key', keyFile, '-subj', `/CN=${name}`, '-outform', 'DER']);
  return { keyFile, base64: der.toString('base64') };
}

needs('openssl', 'openssl').describe('a certificate within its grace', () => {
  needs('curl', 'curl').describe('with openssl and curl', () => {
    test('renews itself by hand, and the new one connects', async () => {
      expire();
      const { keyFile, base64 } = await csrFor('pump');
      const csrFile = platform.folder.join('pump.b64');
      writeFileSync(csrFile, base64.replace(/.{64}/g, '$&\n'));
      const { code, stdout } = await runProgram('curl', [
        ...['-s', '--cacert', platform.rootFile, '--cert', device.certFile, '--key', device.keyFile],
        ...['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${csrFile}`],
        `https://localhost:${platform.platform.ports.devices}${est}/simplereenroll`,
      ]);
      expect(code).toBe(0);
      const chain = await openssl(['pkcs7', '-inform', 'DER', '-print_certs'], {
        input: Buffer.from(stdout.toString(), 'base64'),
      });
      const renewed = { key: readFileSync(keyFile), cert: chain };
      expect(await connectMqtt(await platform.connectTls(renewed), 'pump')).toBe(0);
      const { entries } = await platform.api.call(listTrail, { query: { limit: 1000 } });
      expect(entries.filter(({ entry }) => entry.kind === 'certificate.renewed')).toHaveLength(1);
    });
  });

  test('reaches what re-enrolment needs, and nothing else', async () => {
    expire();
    const socket = await open();
    expect((await ask(socket, `GET ${est}/cacerts`))[0]).toBe('200');
    expect((await ask(socket, `GET ${est}/csrattrs`))[0]).toBe('200');
    for (const request of [
      'GET /tuf/metadata/timestamp.json',
      'GET /tuf/targets/0.firmware',
      'POST /v1/report',
      'GET /v1/renewal',
      `POST ${est}/serverkeygen`,
      `POST ${est}/device/simpleenroll`,
      `POST ${est}/simpleenroll`,
    ]) {
      const [status, text] = await ask(await open(), request);
      expect([request, status]).toEqual([request, request.includes(est) ? '403' : '401']);
      expect(text).toMatch(/the certificate expired at 20.*Z; within its grace it may only re-enrol/);
    }
    const { denials } = await platform.api.call(listDenials, {
      query: { cause: 'request_denied', limit: 10 },
    });
    expect(denials).toHaveLength(4);
    expect(denials[0]).toMatchObject({
      certificateId: idOf(device),
      explanation: expect.stringMatching(/within its grace/),
    });
    socket.destroy();
  });

  test('does not speak MQTT, on neither port, and its operator is told why', async () => {
    expire();
    const openers = [
      () => platform.connectTls(tlsOf(device)),
      () => open({ ALPNProtocols: ['x-amzn-mqtt-ca'] }),
    ];
    for (const opener of openers) {
      expect(await connectMqtt(await opener(), 'pump')).toBe('closed');
      expect((await causes(platform))[0]).toMatchObject({
        cause: 'certificate_expired',
        explanation: expect.stringMatching(/^(mqtt|devices): .* within its grace it may only re-enrol$/),
      });
    }
  });

  test('cuts what it had open when it ends, and leaves what came after that', async () => {
    const [mqtt, https] = [await platform.connectTls(tlsOf(device)), await open()];
    expect(await connectMqtt(mqtt, 'pump')).toBe(0);
    // Heard from the start: on a busy machine the cut comes while the next one connects.
    const cut = Promise.all([ended(mqtt), ended(https)]);
    clock.advance(dayMs + 1_000);
    const renewing = await open();
    await cut;
    expect((await ask(renewing, `GET ${est}/cacerts`))[0]).toBe('200');
    renewing.destroy();
  });

  test('makes a resumed session one for renewal only', async () => {
    const first = await open();
    const ticket = once(first, 'session') as Promise<[Buffer]>;
    expect((await ask(first, 'GET /tuf/metadata/timestamp.json'))[0]).toBe('404');
    const [session] = await ticket;
    first.destroy();
    expire();
    const resumed = await open({ session });
    expect(resumed.isSessionReused()).toBe(true);
    expect((await ask(resumed, 'GET /tuf/metadata/timestamp.json'))[0]).toBe('401');
    const again = await open({ session });
    const { base64 } = await csrFor('pump');
    const [status, body] = await ask(again, `POST ${est}/simplereenroll`, base64);
    expect(status).toBe('200');
    expect(encodePem('CERTIFICATE', parseCertsOnly(Buffer.from(body, 'base64'))[0]!.der)).toContain('BEGIN');
    again.destroy();
  });

  test.each([
    ['revoked', 'certificate_revoked', (p: TestPlatform) => revoke(p)],
    ['of a CA that was removed', 'certificate_untrusted', (p: TestPlatform) => removeRoot(p)],
    ['past it', 'certificate_expired', async () => expire(7)],
  ] as const)(
    'gets nothing when it is %s, also on a resumed session and on one that is open',
    async (_, cause, spoil) => {
      const first = await open();
      const ticket = once(first, 'session') as Promise<[Buffer]>;
      await ask(first, 'GET /tuf/metadata/timestamp.json');
      const [session] = await ticket;
      expire();
      const live = await open();
      await spoil(platform);
      for (const more of [{}, { session }]) {
        const [answer] = await ask(await open(more), `GET ${est}/cacerts`);
        expect(answer).toBe('closed');
        expect((await causes(platform))[0]).toMatchObject({ cause });
      }
      const { base64 } = await csrFor('pump');
      expect((await ask(live, `POST ${est}/simplereenroll`, base64))[0]).toMatch(/^(closed|401)$/);
    },
  );
});

test('re-enrolment without a certificate is refused before its body is read, without a challenge', async () => {
  const socket = await open({ key: undefined, cert: undefined });
  socket.write(
    `POST ${est}/simplereenroll HTTP/1.1\r\nHost: a\r\nContent-Type: application/pkcs10\r\nContent-Length: 900\r\n\r\n`,
  );
  const answer = String((await once(socket, 'data'))[0]);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(answer).not.toMatch(/www-authenticate/i);
  socket.destroy();
});

async function revoke({ api }: TestPlatform): Promise<void> {
  await api.call(revokeCertificate, { params: { certificateId: idOf(device) }, body: {} });
}

async function removeRoot({ api }: TestPlatform): Promise<void> {
  const { cas } = await api.call(listCas);
  const { certificateId } = cas.find(({ kind }) => kind === 'root')!;
  await api.call(setCaState, { params: { certificateId }, body: { state: 'removed' } });
}
